// The page: what is shown, zoom and pan, tooltips, selection, and the words beside the drawing.

const LEFT = 150;
const LIST_BOUND = 2000;
const $ = (id) => document.getElementById(id);

class App {
  constructor(data) {
    this.model = new Model(data);
    this.data = data;
    this.state = { finding: 0, only: false, filter: "", groups: new Map(GROUPS.map(([name, , on]) => [name, on])), selected: -1, hover: -1, story: true };
    this.k = 0;
    this.u0 = 0;
    this.head();
    this.controls();
    this.pointer();
    this.keys();
    this.readAddress();
    this.choose();
    this.fit();
    this.startView();
    this.drawNow();
    window.addEventListener("resize", () => { this.place(); this.fitWidth(); this.draw(); });
    window.addEventListener("hashchange", () => { this.readAddress(); this.choose(); this.fitWidth(); this.startView(); });
  }

  get finding() { return this.data.findings[this.state.finding]; }

  head() {
    $("title").textContent = this.data.title;
    if (this.data.replay) {
      $("replay").hidden = false;
      $("replay-command").textContent = this.data.replay;
      $("copy").onclick = () => {
        const done = () => { $("copy").textContent = "Copied"; setTimeout(() => { $("copy").textContent = "Copy"; }, 1500); };
        if (navigator.clipboard) navigator.clipboard.writeText(this.data.replay).then(done, () => this.selectText($("replay-command")));
        else this.selectText($("replay-command"));
      };
    }
    const select = $("finding");
    select.hidden = this.data.findings.length < 2;
    this.data.findings.forEach((finding, i) => select.add(new Option(`${finding.promise}: ${finding.text}`.slice(0, 90), i)));
    if (this.data.moreFindings > 0) {
      const more = new Option(`… and ${this.data.moreFindings} more, not in this page`, "");
      more.disabled = true;
      select.add(more);
    }
    select.onchange = () => { this.state.finding = Number(select.value); this.state.selected = -1; this.choose(); this.toGuilty(); };
  }

  selectText(element) {
    const range = document.createRange();
    range.selectNodeContents(element);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  }

  controls() {
    for (const [name] of GROUPS) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.dataset.group = name;
      button.onclick = () => { this.state.groups.set(name, !this.state.groups.get(name)); this.rechoose(); };
      $("kinds").append(button);
    }
    $("filter").oninput = () => { this.state.filter = $("filter").value; this.rechoose(); };
    $("only").onchange = () => { this.state.only = $("only").checked; this.rechoose(); };
    $("zoom-in").onclick = () => this.zoom(1.5);
    $("zoom-out").onclick = () => this.zoom(1 / 1.5);
    $("zoom-fit").onclick = () => { this.fit(); this.draw(); };
    $("zoom-guilty").onclick = () => this.toGuilty();
    $("theme").onclick = () => {
      const dark = getComputedStyle(document.documentElement).colorScheme.includes("dark");
      document.documentElement.dataset.theme = dark ? "light" : "dark";
    };
    $("tab-story").onclick = () => this.tab(true);
    $("tab-all").onclick = () => this.tab(false);
    $("legend").innerHTML = this.legend();
  }

  tab(story) {
    this.state.story = story;
    $("tab-story").setAttribute("aria-pressed", story);
    $("tab-all").setAttribute("aria-pressed", !story);
    this.words();
  }

  legend() {
    const glyph = (shape, classes, text) =>
      `<span class="key"><svg width="18" height="16" aria-hidden="true"><g class="mark ${classes}" transform="translate(9,8)">${shape === "ring" && classes.includes("evidence") ? '<circle class="ring" r="6.5"/>' + SHAPES.disc(3) : SHAPES[shape](4.5)}</g></svg>${text}</span>`;
    const box = (classes, text) => `<span class="key"><svg width="22" height="14" aria-hidden="true"><rect class="${classes}" x="1" y="1" width="20" height="12" rx="2"/></svg>${text}</span>`;
    return `<span class="key"><svg width="26" height="10" aria-hidden="true"><line class="stay" x1="2" x2="24" y1="5" y2="5"/></svg>the guilty job is here</span>` +
      glyph("ring", "own evidence", "evidence") + glyph("up", "near", "submit, publish") + glyph("disc", "near", "stored, attempt done") + glyph("down", "near", "delivered") +
      glyph("ring", "near", "attempt starts") + glyph("square", "near", "settle, commit") + glyph("check", "near", "confirmed") + glyph("diamond", "near", "effect") +
      glyph("cross", "crash", "crash, failure, lost") + box("fault-band", "fault") + box("life alive c0", "alive") + box("life paused c0", "stands still") + box("break", "idle time, shortened");
  }

  // Which rows are shown, and where they stand.
  choose() {
    const { model, state } = this;
    const finding = this.finding;
    this.heavy = new Set(finding ? finding.relevant : []);
    this.evidence = new Set(finding ? finding.evidence : []);
    this.job = finding ? finding.job : -1;
    const words = state.filter.trim().toLowerCase();
    const number = /^(job )?\d+$/.test(words) ? Number(words.replace("job ", "")) : -1;
    const jobs = new Set(number >= 0 ? this.data.jobs.map((job, i) => (job[0] === number ? i : -1)).filter((i) => i >= 0) : []);
    const matches = (r) => !words || jobs.has(r.job) || (!jobs.size && `${r.who} ${r.sentence}`.toLowerCase().includes(words));
    if (jobs.size) for (const r of model.records) if (jobs.has(r.job)) this.heavy.add(r.row);
    const rows = model.records.filter((r) => {
      const group = GROUP_OF.get(r.kind);
      const own = r.job >= 0 && r.job === this.job;
      if (r.row === state.selected) return true;
      if (group === undefined) return !state.only || !r.lane || this.heavy.has(r.row);  // lives, faults, the end: the ground
      if (!state.groups.get(group) && !this.evidence.has(r.row) && !(own && group === "confirms")) return false;
      if (state.only && !this.heavy.has(r.row)) return false;
      return matches(r);
    }).map((r) => r.row);
    this.layout = model.layout(rows, this.heavy);
    this.place();
    this.stays = model.stays(this.job);
    const concerned = finding ? finding.text : "No finding: this run kept all its promises";
    $("verdict").innerHTML = finding ? `<strong>${esc(finding.promise)}</strong> is broken: ${esc(concerned)}.` : esc(concerned);
    for (const button of $("kinds").children) button.setAttribute("aria-pressed", state.groups.get(button.dataset.group));
    this.words();
  }

  rechoose() {
    const before = this.k / this.fitK();
    this.choose();
    this.fit();
    if (before > 1.05) this.zoom(before);
    this.draw();
  }

  place() { this.model.place(this.state.only ? this.layout.rows : null, $("stage").clientHeight - 72); }

  get width() { return Math.max(420, $("stage").clientWidth); }
  fitK() { return (this.width - LEFT - 14) / Math.max(1, this.layout.total); }

  fit() { this.k = this.fitK(); this.u0 = 0; }
  fitWidth() { this.k = Math.max(this.k, this.fitK()); this.clamp(); }

  clamp() {
    this.k = Math.min(Math.max(this.k, this.fitK()), Math.max(120, this.fitK()));
    const seen = (this.width - LEFT - 14) / this.k;
    this.u0 = Math.max(0, Math.min(this.u0, this.layout.total - seen));
  }

  zoom(factor, x = LEFT + (this.width - LEFT) / 2) {
    const unit = this.u0 + (x - LEFT) / this.k;
    this.k *= factor;
    this.clamp();
    this.u0 = unit - (x - LEFT) / this.k;
    this.clamp();
    this.draw();
  }

  pan(pixels) { this.u0 += pixels / this.k; this.clamp(); this.draw(); }

  center(unit) { this.u0 = unit - (this.width - LEFT) / 2 / this.k; this.clamp(); }

  // Enough of the guilty job's path that its events can be told apart.
  toGuilty() {
    const own = this.layout.rows.filter((row) => this.job >= 0 && this.model.records[row].job === this.job);
    const rows = own.length ? own : this.layout.rows.filter((row) => this.evidence.has(row));
    if (rows.length) {
      // And what came next.
      const next = this.layout.rows.filter((row) => row > rows[rows.length - 1] && this.heavy.has(row)).slice(0, 3);
      const from = this.layout.at.get(rows[0]), to = this.layout.at.get(next.length ? next[next.length - 1] : rows[rows.length - 1]);
      this.k = (this.width - LEFT - 14) / Math.max(8, (to - from) * 1.2);
      this.clamp();
      this.center((from + to) / 2);
    }
    this.draw();
  }

  startView() {
    const { address } = this;
    if (address.zoom) { this.fit(); this.k *= address.zoom; this.clamp(); }
    if (address.at !== undefined) {
      const row = this.layout.rows.find((r) => this.model.records[r].at >= address.at * 1e6);
      this.center(row === undefined ? this.layout.total : this.layout.at.get(row));
    }
    if (!address.zoom && address.at === undefined && this.k < 9) this.toGuilty();
    if (address.select !== undefined) {
      const record = this.model.records.find((r) => r.index === address.select);
      if (record) { this.select(record.row, true); this.tip(record.row); return; }
    }
    this.draw();
  }

  readAddress() {
    const values = new URLSearchParams(location.hash.slice(1));
    const number = (name) => (values.has(name) && Number.isFinite(Number(values.get(name))) ? Number(values.get(name)) : undefined);
    this.address = { zoom: number("zoom"), at: number("at"), select: number("select") };
    if (values.has("theme")) document.documentElement.dataset.theme = values.get("theme") === "dark" ? "dark" : "light";
    if (values.has("only")) { this.state.only = values.get("only") === "1"; $("only").checked = this.state.only; }
    if (values.has("filter")) { this.state.filter = values.get("filter"); $("filter").value = this.state.filter; }
    const finding = number("finding");
    if (this.data.findings[finding]) { this.state.finding = finding; $("finding").value = finding; }
  }

  // With the next frame, or soon where there are none: a tab in the background.
  draw() {
    if (this.pending) return;
    this.pending = true;
    const once = () => { if (this.pending) { this.pending = false; this.drawNow(); } };
    requestAnimationFrame(once);
    setTimeout(once, 60);
  }

  drawNow() {
    const width = this.width;
    const view = { left: LEFT, width, k: this.k, u0: this.u0, layout: this.layout, heavy: this.heavy, evidence: this.evidence, job: this.job, stays: this.stays,
      confirms: this.state.groups.get("confirms"), selected: this.state.selected };
    const drawing = new Drawing(this.model, view);
    this.drawing = drawing;
    const svg = $("drawing"), axis = $("axis");
    svg.setAttribute("width", width);
    svg.setAttribute("height", this.model.height);
    axis.setAttribute("width", width);
    axis.setAttribute("height", 64);
    svg.innerHTML = drawing.svg();
    axis.innerHTML = drawing.axis();
    this.mark();
    this.notice(drawing);
    const root = document.documentElement.dataset;
    root.arrows = svg.querySelectorAll("line.link").length;
    root.guilty = svg.querySelectorAll(".mark.own").length;
    root.marks = svg.querySelectorAll(".mark").length;
    root.drawn = "1";
  }

  notice(drawing) {
    const parts = [];
    const left = this.data.total - this.data.records.length;
    if (left > 0) parts.push(`${left.toLocaleString("en-US")} of ${this.data.total.toLocaleString("en-US")} records of other jobs are not in this page.`);
    if (drawing.hidden > 0) parts.push(`${drawing.hidden.toLocaleString("en-US")} muted events are not drawn at this zoom: zoom in to see them.`);
    const off = this.data.records.length - this.layout.rows.length;
    if (off > 0) parts.push(`${off.toLocaleString("en-US")} events are switched off above.`);
    parts.push("Time runs to the right and is not to scale.");
    $("notice").textContent = parts.join(" ");
  }

  // The rows that belong to a row: the other ends of its arrows.
  related(row) {
    return (this.model.linksOf.get(row) || []).flatMap((link) => [link.from, link.to]).filter((other) => other >= 0 && other !== row);
  }

  // Rings around what is selected and what the pointer is at, here and in the words.
  mark() {
    const overlay = $("overlay");
    if (!overlay || !this.drawing) return;
    const ring = (row, kind) => {
      const r = this.model.records[row];
      if (!r || !this.layout.at.has(row)) return "";
      const x = this.drawing.xOf(row);
      if (x < LEFT) return "";
      if (!r.lane) return `<line class="${kind}" x1="${x}" x2="${x}" y1="0" y2="${this.model.height}"/>`;
      const y = r.lane.type === "topic" ? r.lane.y + r.lane.height / 2 : r.lane.line;
      return `<line class="${kind}-line" x1="${x}" x2="${x}" y1="0" y2="${this.model.height}"/><circle class="${kind}" cx="${x}" cy="${y}" r="11"/>`;
    };
    const { selected, hover } = this.state;
    overlay.innerHTML = ring(selected, "selected") + (hover !== selected ? ring(hover, "hover") : "");
    for (const line of document.querySelectorAll(".link.hot")) line.classList.remove("hot");
    for (const row of [selected, hover]) {
      for (const link of this.model.linksOf.get(row) || []) {
        const key = [link.from, link.to].filter((r) => r >= 0).join(" ");
        for (const line of document.querySelectorAll(`.link[data-rows="${key}"]`)) line.classList.add("hot");
      }
    }
    for (const item of $("lines").children) {
      const row = Number(item.dataset.row);
      item.classList.toggle("hover", row >= 0 && row === hover);
      item.setAttribute("aria-current", row >= 0 && row === selected);
    }
  }

  hover(row, from) {
    if (row === this.state.hover) return;
    this.state.hover = row;
    this.mark();
    if (from === "drawing" && row >= 0) this.scrollTo(row);
  }

  scrollTo(row) {
    const item = $("lines").querySelector(`[data-row="${row}"]`);
    if (item) item.scrollIntoView({ block: "nearest" });
  }

  select(row, show) {
    this.state.selected = row;
    if (row >= 0 && !this.layout.at.has(row)) this.rechoose();
    if (row >= 0 && show && this.layout.at.has(row)) {
      const x = LEFT + (this.layout.at.get(row) - this.u0) * this.k;
      if (x < LEFT + 30 || x > this.width - 30) this.center(this.layout.at.get(row));
      const lane = this.model.records[row].lane, stage = $("stage");
      if (lane && (lane.y + 64 < stage.scrollTop + 64 || lane.y + lane.height + 64 > stage.scrollTop + stage.clientHeight)) stage.scrollTop = lane.y - 60;
    }
    this.detail();
    this.drawNow();
    this.scrollTo(row);
  }

  // Every column of a record, in words.
  columns(r) {
    const { data } = this;
    const message = data.messages[r.message];
    const out = [["when", milliseconds(r.at) + " ms"], ["what", r.kind], ["who", r.who]];
    const add = (name, value) => { if (value !== "" && value !== undefined) out.push([name, value]); };
    if (message) {
      const job = data.jobs[message[1]];
      add("message", message[0]);
      if (job) add("job", `${job[0]}${job[1] ? ` (${job[1]})` : ""}`);
      add("key", message[2]);
      add("id", "…" + message[3].slice(-12));
      add("share", message[4]);
      add("reason", message[5]);
    }
    if (r.stage >= 0) add("stage", (data.stages[r.stage] || {}).name);
    if (r.kind === "effect") add("port", data.ports[r.topic]);
    else if (r.topic >= 0) {
      add("partition", `${(data.topics[r.topic] || {}).name}/${r.partition}`);
      if (!["assigned", "revoking", "released", "lost"].includes(r.kind)) add(data.queue ? "tag" : r.kind.startsWith("commit") ? "next offset" : "offset", r.sequence);
    }
    if (r.epoch) add("epoch", r.epoch);
    if (r.attempt) add(r.kind === "output" ? "output number" : "attempt", r.attempt);
    if (r.kind === "attempt") add("outputs", r.count);
    const value = { submit: "repeats", delivered: "redeliveries", assigned: "starts at", committed: "before", moved: "generation", publish: "token", attempt: "status", confirm: "status", trouble: "status" }[r.kind];
    if (value) add(value, value === "status" && r.value === 0 ? "OK" : r.value);
    if (r.kind === "paused") add("for", duration(r.value));
    if (r.kind === "fault" || r.kind === "healed") add("planned", (data.faults[r.value] || {}).trigger);
    const flags = [[CLEAN, "clean"], [REPEAT, "known before"], [SKIPPED, "skipped"], [8, "dead letter"], [16, "receipt"], [32, "work in flight"]];
    add("flags", flags.filter(([bit]) => r.flags & bit).map(([, name]) => name).join(", "));
    add("text", r.text);
    add("record", r.index);
    return out;
  }

  card(row) {
    const r = this.model.records[row];
    const table = this.columns(r).map(([name, value]) => `<dt>${name}</dt><dd>${esc(value)}</dd>`).join("");
    return `<p class="sentence"><b>${esc(r.who)}</b> ${esc(r.sentence)}${this.evidence.has(row) ? ' <span class="badge">evidence</span>' : ""}</p><dl>${table}</dl>`;
  }

  detail() {
    const row = this.state.selected;
    if (row < 0) { $("detail").innerHTML = ""; return; }
    const related = this.related(row).map((other) => `<button type="button" class="other" data-row="${other}">${milliseconds(this.model.records[other].at)} ms: ${esc(this.model.records[other].who)} ${esc(this.model.records[other].sentence)}</button>`);
    $("detail").innerHTML = this.card(row) + (related.length ? `<p class="label">Connected with</p>${related.join("")}` : "") + '<button type="button" id="close" aria-label="Close" title="Close (Escape)">✕</button>';
    $("close").onclick = () => this.select(-1);
    for (const button of $("detail").querySelectorAll(".other")) button.onclick = () => this.select(Number(button.dataset.row), true);
  }

  // The tooltip at a row, or with a text, near the pointer.
  tip(row, event, text) {
    const tip = $("tip");
    if (row < 0 && !text) { tip.hidden = true; return; }
    tip.innerHTML = text ? `<p class="sentence">${esc(text)}</p>` : this.card(row);
    tip.hidden = false;
    let x, y;
    if (event) { x = event.clientX; y = event.clientY; } else {
      this.drawNow();
      const r = this.model.records[row], box = $("drawing").getBoundingClientRect();
      x = box.left + this.drawing.xOf(row);
      y = box.top + (r.lane ? r.lane.line : 0);
    }
    const { offsetWidth: w, offsetHeight: h } = tip;
    // Not over the words, which tell more.
    const edge = $("stage").getBoundingClientRect().right;
    tip.style.left = Math.max(4, x + 18 + w > edge ? x - w - 18 : x + 18) + "px";
    tip.style.top = Math.max(4, Math.min(y + 14, innerHeight - h - 8)) + "px";
  }

  pointer() {
    const stage = $("stage");
    const rowAt = (event) => {
      const mark = event.target.closest && event.target.closest("[data-row]");
      return mark ? Number(mark.dataset.row) : -1;
    };
    let drag = null;
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.tip(-1);
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.pan(event.deltaX || event.deltaY);
      else this.zoom(Math.exp(-event.deltaY * 0.0022), event.clientX - stage.getBoundingClientRect().left);
    }, { passive: false });
    stage.addEventListener("pointerdown", (event) => {
      if (event.button === 0) drag = { x: event.clientX, y: event.clientY, top: stage.scrollTop, u0: this.u0, row: rowAt(event), moved: false, id: event.pointerId };
    });
    stage.addEventListener("pointermove", (event) => {
      if (drag) {
        if (!drag.moved && Math.abs(event.clientX - drag.x) + Math.abs(event.clientY - drag.y) < 4) return;
        if (!drag.moved) { drag.moved = true; stage.setPointerCapture(drag.id); stage.classList.add("dragging"); this.tip(-1); }
        this.u0 = drag.u0 - (event.clientX - drag.x) / this.k;
        stage.scrollTop = drag.top - (event.clientY - drag.y);
        this.clamp();
        this.draw();
        return;
      }
      const row = rowAt(event);
      this.hover(row, "drawing");
      const told = row < 0 && event.target.dataset ? event.target.dataset.tip : "";
      this.tip(row === this.state.selected ? -1 : row, event, told);
    });
    const release = () => {
      stage.classList.remove("dragging");
      if (drag && !drag.moved) { this.tip(-1); this.select(drag.row); }
      drag = null;
    };
    stage.addEventListener("pointerup", release);
    stage.addEventListener("pointercancel", () => { drag = null; stage.classList.remove("dragging"); });
    stage.addEventListener("pointerleave", () => { if (!drag) { this.tip(-1); this.hover(-1); } });
    const item = (event) => event.target.closest("li[data-row]");
    $("lines").addEventListener("pointerover", (event) => { const li = item(event); this.hover(li ? Number(li.dataset.row) : -1, "words"); });
    $("lines").addEventListener("pointerleave", () => this.hover(-1));
    $("lines").addEventListener("focusin", (event) => { const li = item(event); if (li) this.hover(Number(li.dataset.row), "words"); });
    $("lines").addEventListener("click", (event) => { const li = item(event); if (li && li.dataset.row >= 0) this.select(Number(li.dataset.row), true); });
  }

  keys() {
    const step = (by) => {
      const rows = this.layout.rows.filter((row) => this.heavy.has(row));
      const all = rows.length ? rows : this.layout.rows;
      const at = all.findIndex((row) => row >= this.state.selected);
      const exact = all[at] === this.state.selected;
      const next = this.state.selected < 0 ? (by > 0 ? 0 : all.length - 1) : at < 0 ? all.length - 1 : at + (by > 0 && !exact ? 0 : by);
      if (all[next] !== undefined) this.select(all[next], true);
    };
    document.addEventListener("keydown", (event) => {
      if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
      const actions = {
        "+": () => this.zoom(1.5), "=": () => this.zoom(1.5), "-": () => this.zoom(1 / 1.5), "0": () => { this.fit(); this.draw(); }, g: () => this.toGuilty(),
        ArrowRight: () => (event.shiftKey ? this.pan(120) : step(1)), ArrowLeft: () => (event.shiftKey ? this.pan(-120) : step(-1)),
        Escape: () => { this.tip(-1); this.select(-1); },
      };
      if (!actions[event.key]) return;
      event.preventDefault();
      actions[event.key]();
    });
  }

  words() {
    const { model, state } = this;
    const finding = this.finding;
    let items = [];
    if (state.story && finding) {
      items = finding.lines.map(([row, who, what, evidence]) => ({ row, who, what, evidence }));
    } else {
      const rows = this.layout.rows.slice(0, LIST_BOUND);
      items = rows.map((row) => ({ row, who: model.records[row].who, what: model.records[row].sentence, evidence: this.evidence.has(row) }));
      if (rows.length < this.layout.rows.length) items.push({ row: -1, who: "…", what: `${this.layout.rows.length - rows.length} more; find or switch off to see them` });
    }
    let last = -1;
    $("lines").innerHTML = items.map(({ row, who, what, evidence }) => {
      if (row < 0) return `<li class="gap" data-row="-1">… ${esc(what)}</li>`;
      const at = model.records[row].at;
      const pause = last >= 0 && at - last > 1e8 ? `<li class="pause" data-row="-1">${duration(at - last)} later</li>` : "";
      last = at;
      return `${pause}<li class="${evidence ? "evidence" : ""}${this.heavy.has(row) ? "" : " muted"}" data-row="${row}" tabindex="0"><span class="time">${milliseconds(at)}</span><span class="words"><b>${esc(who)}</b> ${esc(what)}</span></li>`;
    }).join("");
    this.mark();
  }
}

function fail(message) {
  document.documentElement.dataset.errors = String(Number(document.documentElement.dataset.errors || 0) + 1);
  $("status").hidden = false;
  $("status").textContent = "This page has failed: " + message;
}
document.documentElement.dataset.errors = "0";
window.addEventListener("error", (event) => fail(event.message));
window.addEventListener("unhandledrejection", (event) => fail(String(event.reason)));
window.app = new App(JSON.parse($("data").textContent));

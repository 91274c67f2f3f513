// From a model and a view to SVG, as text: what is drawn is a function of both.
//
// View: {left, width, k (pixels per unit), u0 (unit at the left edge), layout, heavy (rows), evidence (rows), job, stays}.

const MUTED_BOUND = 1500;  // muted events drawn at once
const AXIS_TICK = 92;      // least distance of time labels

function esc(text) {
  return String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
}

// Rough width of a label: there is no layout to ask yet.
function textWidth(text, size) {
  return text.length * size * 0.56;
}

const SHAPES = {
  disc: (r) => `<circle r="${r}"/>`,
  ring: (r) => `<circle r="${r - 0.6}" class="hollow"/>`,
  square: (r) => `<rect x="${-r}" y="${-r}" width="${2 * r}" height="${2 * r}" rx="1"/>`,
  diamond: (r) => `<path d="M0 ${-r * 1.35}L${r * 1.35} 0L0 ${r * 1.35}L${-r * 1.35} 0Z"/>`,
  down: (r) => `<path d="M${-r * 1.15} ${-r}H${r * 1.15}L0 ${r * 1.15}Z"/>`,
  up: (r) => `<path d="M${-r * 1.15} ${r}H${r * 1.15}L0 ${-r * 1.15}Z"/>`,
  right: (r) => `<path d="M${-r * 0.8} ${-r * 1.1}V${r * 1.1}L${r * 1.15} 0Z"/>`,
  tick: (r) => `<rect x="-1" y="${-r}" width="2" height="${2 * r}"/>`,
  check: (r) => `<path class="line" d="M${-r} 0L${-r * 0.2} ${r * 0.8}L${r} ${-r * 0.8}"/>`,
  cross: (r) => `<path class="line" d="M${-r} ${-r}L${r} ${r}M${r} ${-r}L${-r} ${r}"/>`,
  pause: (r) => `<path class="line" d="M${-r * 0.5} ${-r}V${r}M${r * 0.5} ${-r}V${r}"/>`,
  flag: (r) => `<path d="M${-r * 0.6} ${r * 1.2}V${-r * 1.2}H${r * 1.1}L${r * 0.4} ${-r * 0.4}L${r * 1.1} ${r * 0.4}H${-r * 0.6 + 1.4}V${r * 1.2}Z"/>`,
  unflag: (r) => `<path class="hollow" d="M${-r * 0.6} ${r * 1.2}V${-r * 1.2}H${r * 1.1}L${r * 0.4} ${-r * 0.4}L${r * 1.1} ${r * 0.4}H${-r * 0.6}"/>`,
};

function shapeOf(r) {
  switch (r.kind) {
    case "submit": case "publish": return "up";
    case "accepted": case "confirm": return r.kind === "confirm" && r.value !== 0 ? "cross" : "check";
    case "start": case "resumed": return "right";
    case "crash": case "destroyed": return "cross";
    case "paused": return "pause";
    case "drain": case "stopped": return "ring";
    case "assigned": return "flag";
    case "revoking": case "released": case "lost": return "unflag";
    case "trouble": return "cross";
    case "delivered": return "down";
    case "dispatch": return "ring";
    case "attempt": return r.value !== 0 || r.flags & SKIPPED ? "cross" : "disc";
    case "effect": return "diamond";
    case "refused": return "cross";
    case "settle": case "commit": case "committed": case "acked": return "square";
    case "transact": return "ring";
    case "transacted": return r.value !== 0 || r.attempt === 0 ? "cross" : "check";
    case "ended": return r.attempt === 0 ? "cross" : "square";
    case "output": case "moved": return "tick";
    default: return "disc";
  }
}

function shortLabel(model, r) {
  const stage = (model.data.stages[r.stage] || {}).name || "";
  switch (r.kind) {
    case "submit": return "submit";
    case "accepted": return "accepted";
    case "crash": return "crash";
    case "drain": return "asked to stop";
    case "stopped": return "stopped";
    case "paused": return "stands still";
    case "assigned": return `gets ${(model.partitionLane(r) || {}).name}` + (model.data.queue ? "" : ` from ${r.value}`);
    case "revoking": return "must give back";
    case "released": return "gave back";
    case "lost": return "lost partition";
    case "trouble": return r.value === 0 ? "well again" : "trouble";
    case "delivered": return "delivered";
    case "dispatch": return "runs " + stage;
    case "attempt": return r.flags & SKIPPED ? "skipped" : r.value !== 0 ? "failed" : "done";
    case "effect": return r.flags & REPEAT ? "known already" : "effect";
    case "refused": return r.count > 0 ? "not answered" : "unavailable";
    case "publish": return "publish";
    case "confirm": return r.value !== 0 ? "refused" : "confirmed";
    case "settle": return "settle";
    case "commit": return "commit " + r.sequence;
    case "committed": return "committed " + r.sequence;
    case "acked": return "acked";
    case "transact": return r.attempt === 0 ? "abort" : "commit all";
    case "transacted": return r.value !== 0 || r.attempt === 0 ? "was aborted" : "was committed";
    case "ended": return (r.attempt === 0 ? "aborts " : "commits ") + r.value;
    case "appended": return model.data.queue ? "stored" : "offset " + r.sequence;
    case "destroyed": return "destroyed";
    case "moved": return "generation " + r.value;
    default: return "";
  }
}

function ordinal(n) {
  const teen = n % 100 >= 11 && n % 100 <= 13;
  return n + (teen ? "th" : ["th", "st", "nd", "rd"][n % 10] || "th");
}

class Drawing {
  constructor(model, view) {
    this.model = model;
    this.view = view;
    const rows = view.layout.rows;
    const from = this.firstRow(view.u0 - 40 / view.k), to = this.firstRow(view.u0 + (view.width - view.left) / view.k + 40 / view.k);
    const visible = rows.slice(from, to);
    this.heavyRows = visible.filter((row) => view.heavy.has(row));
    let muted = visible.filter((row) => !view.heavy.has(row));
    this.hidden = 0;
    if (muted.length > MUTED_BOUND) {
      const stride = Math.ceil(muted.length / MUTED_BOUND);
      const kept = muted.filter((row) => {
        const r = model.records[row];
        return (r.job >= 0 ? r.job : typeof r.sequence === "number" ? r.sequence : row) % stride === 0;
      });
      this.hidden = muted.length - kept.length;
      muted = kept;
    }
    this.mutedRows = muted;
    this.drawn = new Set([...this.heavyRows, ...muted]);
  }

  // Index into layout.rows of the first row at or behind the unit.
  firstRow(unit) {
    const { rows, at } = this.view.layout;
    let low = 0, high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (at.get(rows[middle]) < unit) low = middle + 1; else high = middle;
    }
    return low;
  }

  unitOf(row) {
    const { rows, at, total } = this.view.layout;
    if (row < 0) return total - 0.4;
    if (at.has(row)) return at.get(row);
    let low = 0, high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle] < row) low = middle + 1; else high = middle;
    }
    return low === 0 ? 0 : at.get(rows[low - 1]) + 0.1;
  }

  x(unit) { return this.view.left + (unit - this.view.u0) * this.view.k; }
  xOf(row) { return this.x(this.unitOf(row)); }
  // Into what is seen, so that rectangles and texts stay near it.
  clip(x) { return Math.max(this.view.left, Math.min(this.view.width + 20, x)); }
  right() { return Math.min(this.x(this.view.layout.total), this.view.width); }

  ground() {
    const { model, view } = this;
    const out = [];
    for (const lane of model.lanes.filter((l) => !l.hidden)) {
      if (lane.type === "topic") {
        out.push(`<rect class="group" x="0" y="${lane.y}" width="${view.width}" height="${lane.height}"/>`);
      } else {
        out.push(`<line class="lane" x1="${view.left}" x2="${this.right()}" y1="${lane.line}" y2="${lane.line}"/>`);
      }
    }
    for (const gap of view.layout.breaks) {
      const x1 = this.x(gap.from), x2 = this.x(gap.to);
      if (x2 < view.left || x1 > view.width) continue;
      out.push(`<rect class="break" x="${x1}" y="0" width="${x2 - x1}" height="${model.height}" data-tip="Nothing happens for ${duration(gap.ns)}; not drawn to scale"/>`);
    }
    for (const fault of model.faults) {
      const x1 = this.xOf(fault.row), x2 = fault.to < 0 ? x1 : this.xOf(fault.to);
      out.push(`<rect class="fault-band" x="${x1}" y="0" width="${Math.max(0, x2 - x1)}" height="${model.height}"/>` +
        `<line class="fault-line" x1="${x1}" x2="${x1}" y1="0" y2="${model.height}"/>`);
      if (fault.to >= 0) out.push(`<line class="fault-line healed" x1="${x2}" x2="${x2}" y1="0" y2="${model.height}"/>`);
    }
    return out.join("") + this.lives() + this.ownership();
  }

  lives() {
    const { model, view } = this;
    const out = [];
    model.spans.forEach((spans, process) => {
      const lane = model.laneOf.get("p" + process);
      if (lane.hidden) return;
      spans.forEach((span) => {
        const x1 = this.xOf(span.from), x2 = this.xOf(span.to);
        if (x2 < view.left || x1 > view.width) return;
        const left = this.clip(x1), width = this.clip(x2) - left;
        const name = `${lane.name}, ${ordinal(span.life)} life: ${span.state}`;
        if (span.state === "down") {
          const end = span.to < 0 ? model.end : model.records[span.to].at;
          out.push(`<rect class="down" x="${left}" y="${lane.line - 22}" width="${width}" height="44" data-tip="${esc(lane.name)} is down"/>`);
          const text = "down for " + duration(end - model.records[span.from].at);
          if (width > textWidth(text, 11) + 16) out.push(`<text class="small quiet" x="${left + width / 2}" y="${lane.line + 16}" text-anchor="middle">${text}</text>`);
          return;
        }
        out.push(`<rect class="life ${span.state} c${process % 6}" x="${left}" y="${lane.line - 22}" width="${width}" height="44" rx="3" data-tip="${esc(name)}"/>`);
        const text = span.state === "alive" ? (model.data.processes[process].lives > 1 ? ordinal(span.life) + " life" : "") : span.state === "paused" ? "stands still" : span.state;
        if (text && width > textWidth(text, 11) + 6) out.push(`<text class="small" x="${left + 3}" y="${lane.line - 28}">${text}</text>`);
      });
    });
    return out.join("");
  }

  ownership() {
    const { model, view } = this;
    return model.owners.map((owner) => {
      if (!owner.lane || owner.lane.hidden) return "";
      const x1 = this.xOf(owner.from), x2 = this.xOf(owner.to);
      if (x2 < view.left || x1 > view.width) return "";
      const readers = (model.data.topics[owner.lane.topic] || { readers: [] }).readers;
      const y = owner.lane.line + 13 + 14 * Math.min(2, Math.max(0, readers.indexOf(owner.stage)));
      const left = this.clip(x1), width = Math.max(1, this.clip(x2) - left - 1);
      const slot = model.data.processes[owner.process].name;
      const stage = (model.data.stages[owner.stage] || {}).name;
      const text = readers.length > 1 ? `${slot} (${stage})` : slot;
      return `<rect class="owner c${owner.process % 6}" x="${left}" y="${y}" width="${width}" height="12" rx="2" data-tip="${esc(owner.lane.name)} belongs to ${esc(slot)}, ${ordinal(owner.life)} life (${esc(stage)})"/>` +
        (width > textWidth(text, 10) + 8 ? `<text class="tiny" x="${left + 4}" y="${y + 9.5}">${esc(text)}</text>` : "");
    }).join("");
  }

  stays() {
    return this.view.stays.map((stay, i) => {
      if (!this.view.layout.at.has(stay.from) || stay.lane.hidden) return "";
      const x1 = this.xOf(stay.from), x2 = this.xOf(stay.to), y = stay.lane.line;
      const end = stay.end === "gone" ? `<g class="gone" transform="translate(${x2},${y})">${SHAPES.cross(7)}</g>` : "";
      return `<line class="stay ${stay.to < 0 ? "open" : ""}" x1="${Math.max(x1, this.view.left - 10)}" x2="${Math.min(x2, this.view.width + 10)}" y1="${y}" y2="${y}"/>` + end;
    }).join("");
  }

  link(link) {
    const { model, view } = this;
    const one = link.from >= 0 ? link.from : link.to;
    const ends = [link.from, link.to].filter((row) => row >= 0);
    if (!ends.some((row) => this.drawn.has(row)) || ends.some((row) => !view.layout.at.has(row))) return "";
    const job = link.message >= 0 ? model.data.messages[link.message][1] : -1;
    const heavy = view.job >= 0 && job === view.job;
    const shown = heavy || ends.some((row) => view.heavy.has(row) && link.type === "commit");
    const anchor = model.records[one];
    let x1, y1, x2, y2;
    if (link.type === "delivery") {
      x2 = this.xOf(link.to);
      x1 = x2 - Math.min(20, 0.8 * view.k);
      if (!link.lane || link.lane.hidden || !anchor.lane) return "";
      y1 = link.lane.line;
      y2 = anchor.lane.line - 7;
    } else if (link.type === "effect") {
      x1 = this.xOf(link.from);
      x2 = x1 + Math.min(10, 0.5 * view.k);
      if (!link.lane || link.lane.hidden || !anchor.lane) return "";
      y1 = anchor.lane.line;
      y2 = link.lane.line;
    } else if (link.type === "lost") {
      x1 = this.xOf(link.from);
      x2 = x1 + 16;
      if (!anchor.lane) return "";
      y1 = anchor.lane.line;
      y2 = y1 + (anchor.lane.type === "feed" ? 24 : -34);
    } else {
      const from = model.records[link.from].lane, to = model.records[link.to].lane;
      if (!from || !to || from.hidden || to.hidden) return "";
      x1 = this.xOf(link.from);
      x2 = this.xOf(link.to);
      y1 = from.line;
      y2 = to.line + (to.line > from.line ? -6 : 6);
    }
    if (Math.max(x1, x2) < view.left - 20 || Math.min(x1, x2) > view.width + 20) return "";
    const rows = ends.join(" ");
    const body = `<line class="link ${link.type} ${shown ? "heavy" : "muted"}" data-rows="${rows}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"${link.type === "lost" ? "" : ` marker-end="url(#head${shown ? "-heavy" : ""})"`}/>`;
    if (link.type !== "lost") return body;
    return body + `<g class="gone ${shown ? "" : "muted"}" transform="translate(${x2},${y2})">${SHAPES.cross(shown ? 6 : 3.5)}</g>` +
      (shown ? `<text class="label gone-label" x="${x2 + 10}" y="${y2 + 4}">never arrived</text>` : "");
  }

  links(heavy) {
    return this.model.links.filter((link) => link.type !== "confirm" || this.view.confirms || this.isSelected(link))
      .map((link) => this.link(link)).filter((text) => text.includes('heavy"') === heavy).join("");
  }

  isSelected(link) {
    return link.from === this.view.selected || link.to === this.view.selected;
  }

  mark(row) {
    const { model, view } = this;
    const r = model.records[row];
    if (!r.lane) return "";
    const heavy = view.heavy.has(row);
    // A commit that matters is one that covers the job.
    const own = heavy && view.job >= 0 && (r.job === view.job || r.kind === "commit" || r.kind === "committed");
    const size = r.kind === "crash" ? 7 : heavy ? 5 : 3;
    const classes = ["mark", r.kind, own ? "own" : heavy ? "near" : "muted"];
    if (view.evidence.has(row)) classes.push("evidence");
    const ring = view.evidence.has(row) ? `<circle class="ring" r="${size + 5}"/>` : "";
    const y = r.lane.type === "topic" ? r.lane.y + r.lane.height / 2 : r.lane.line;
    return `<g class="${classes.join(" ")}" data-row="${row}" transform="translate(${this.xOf(row).toFixed(1)},${y})" role="img" aria-label="${esc(milliseconds(r.at))} ms: ${esc(r.who)} ${esc(r.sentence)}"><circle class="touch" r="9"/>${ring}${SHAPES[shapeOf(r)](size)}</g>`;
  }

  // Short words at marks that matter, the weightiest first, where there is room.
  labels() {
    const { model, view } = this;
    const used = new Map();
    const order = [...this.heavyRows].sort((a, b) => this.rank(a) - this.rank(b) || a - b);
    return order.map((row) => {
      const r = model.records[row];
      const text = r.lane ? shortLabel(model, r) : "";
      if (!text) return "";
      const x = this.xOf(row), width = textWidth(text, 11.8) + 6;
      const lines = r.lane.type === "process" ? [r.lane.line - 11, r.lane.line + 19] : r.lane.type === "topic" ? [r.lane.y + 15] : [r.lane.line - 10];
      for (const y of lines) {
        const left = r.lane.type === "topic" ? x + 6 : x - width / 2;
        const key = `${r.lane.id} ${y}`;
        if (!used.has(key)) used.set(key, []);
        if (left < view.left || used.get(key).some(([from, to]) => left < to && left + width > from)) continue;
        used.get(key).push([left, left + width]);
        const own = r.job === view.job || r.kind === "commit" || r.kind === "committed" || view.evidence.has(row);
        return `<text class="label ${own ? "own" : ""}" x="${left + 3}" y="${y}">${esc(text)}</text>`;
      }
      return "";
    }).join("");
  }

  rank(row) {
    if (this.view.evidence.has(row)) return 0;
    const r = this.model.records[row];
    if (["crash", "destroyed", "effect"].includes(r.kind)) return 1;
    return r.job === this.view.job ? (["settle", "output", "dispatch"].includes(r.kind) ? 3 : 2) : 4;
  }

  gutter() {
    const { model, view } = this;
    return `<rect class="gutter" x="0" y="0" width="${view.left}" height="${model.height}"/>` + model.lanes.filter((lane) => !lane.hidden).map((lane) => {
      if (lane.type === "topic") {
        return `<text class="group-name" x="12" y="${lane.y + 15}">${esc(lane.name)}<tspan class="group-note" dx="8">${esc(lane.note)}</tspan></text>`;
      }
      const swatch = lane.type === "process" ? `<rect class="swatch c${lane.process % 6}" x="12" y="${lane.line - 6}" width="5" height="12" rx="1"/>` : "";
      return swatch + `<text class="lane-name" x="${lane.type === "process" ? 24 : 12}" y="${lane.line + 4}">${esc(lane.name.length > 18 ? lane.name.slice(0, 17) + "…" : lane.name)}<title>${esc(lane.name)}</title></text>`;
    }).join("");
  }

  svg() {
    const width = this.view.width;
    return `<defs>
<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto-start-reverse"><path d="M0 0.8L8 4L0 7.2Z" class="head-muted"/></marker>
<marker id="head-heavy" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="5" markerHeight="5" orient="auto-start-reverse"><path d="M0 0.5L8 4L0 7.5Z" class="head-heavy"/></marker>
<marker id="head-hot" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="5" markerHeight="5" orient="auto-start-reverse"><path d="M0 0.5L8 4L0 7.5Z" class="head-hot"/></marker>
<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="2" height="6" class="hatch"/></pattern>
<clipPath id="seen"><rect x="${this.view.left}" y="0" width="${Math.max(0, width - this.view.left)}" height="${this.model.height}"/></clipPath></defs>
<g clip-path="url(#seen)">${this.ground()}</g><g clip-path="url(#seen)">${this.links(false)}${this.mutedRows.map((row) => this.mark(row)).join("")}${this.stays()}${this.links(true)}${this.heavyRows.map((row) => this.mark(row)).join("")}${this.labels()}</g>${this.gutter()}<g id="overlay"></g>`;
  }

  // The axis: flags of faults and the end of the run above, times below, breaks with what they hide.
  axis() {
    const { model, view } = this;
    const out = [];
    const flags = model.faults.map((fault) => ({ x: this.xOf(fault.row), row: fault.row, text: fault.info.kind, type: "fault" }));
    for (const r of model.records) {
      if (["quiet", "stuck", "limit"].includes(r.kind)) flags.push({ x: this.xOf(r.row), row: r.row, text: r.kind, type: "world" });
    }
    const ends = [-1e9, -1e9];
    for (const flag of flags) {
      if (flag.x < view.left - 1 || flag.x > view.width) continue;
      const width = flag.text.length * 7.6 + 14;
      const x = Math.min(flag.x, view.width - width - 1);
      const line = x >= ends[0] ? 0 : 1;
      ends[line] = Math.max(ends[line], x + width + 4);
      const y = 3 + line * 20;
      out.push(`<g class="flag ${flag.type} mark" data-row="${flag.row}" role="img" aria-label="${esc(model.records[flag.row].sentence)}"><line x1="${flag.x}" x2="${flag.x}" y1="${y}" y2="64"/><rect x="${x}" y="${y}" width="${width}" height="17" rx="3"/><text x="${x + 7}" y="${y + 12.5}">${esc(flag.text)}</text></g>`);
    }
    const used = [];
    for (const gap of view.layout.breaks) {
      const x = (this.x(gap.from) + this.x(gap.to)) / 2, text = duration(gap.ns);
      if (x < view.left || x > view.width) continue;
      const half = textWidth(text, 11) / 2 + 6;
      if (used.some(([from, to]) => x - half < to && x + half > from)) continue;
      used.push([x - half, x + half]);
      out.push(`<text class="break-label" x="${x}" y="59" text-anchor="middle">${text}</text><path class="break-mark" d="M${this.x(gap.from)} 47h${Math.max(0, x - this.x(gap.from) - 8)}l4 -4l4 8l4 -4H${this.x(gap.to)}"/>`);
    }
    let last = "";
    for (const row of view.layout.rows) {
      const x = this.xOf(row);
      if (x < view.left || x > view.width - 20) continue;
      const at = model.records[row].at;
      const text = at >= 1e9 ? (at / 1e9).toFixed(3) + " s" : (at / 1e6).toFixed(at % 1e6 ? 1 : 0) + " ms";
      if (text === last || used.some(([from, to]) => x - 4 < to && x + AXIS_TICK * 0.62 > from)) continue;
      last = text;
      used.push([x - 4, x + AXIS_TICK]);
      out.push(`<line class="tick" x1="${x}" x2="${x}" y1="50" y2="64"/><text class="tick-label" x="${x + 4}" y="60">${text}</text>`);
    }
    return `<defs><clipPath id="axis-seen"><rect x="${view.left - 1}" y="0" width="${Math.max(0, view.width - view.left + 1)}" height="64"/></clipPath></defs><g clip-path="url(#axis-seen)">${out.join("")}</g><text class="lane-name" x="12" y="60">time</text>`;
  }
}

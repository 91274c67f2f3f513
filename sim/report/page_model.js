// What is drawn: records by name, lanes, lives of processes, arrows between records, and where each record stands on the
// compressed time axis. Nothing here touches the document.

const COLUMNS = ["index", "at", "kind", "flags", "process", "life", "stage", "topic", "partition", "message", "attempt",
  "count", "sequence", "epoch", "value", "text", "who", "sentence"];

// As Kind in sim/history.h, in its order.
const KINDS = ["submit", "accepted", "start", "crash", "drain", "stopped", "paused", "resumed", "assigned", "revoking",
  "released", "lost", "trouble", "delivered", "dispatch", "effect", "attempt", "output", "publish", "confirm", "settle",
  "commit", "transact", "transacted", "refused", "appended", "committed", "ended", "acked", "destroyed", "moved", "fault",
  "healed", "quiet", "stuck", "limit", "end"];

// Toggles: name, kinds, shown at first.
const GROUPS = [
  ["deliveries", ["delivered"], true],
  ["attempts", ["dispatch", "attempt", "output"], true],
  ["publishes", ["submit", "publish", "appended", "destroyed"], true],
  ["confirms", ["confirm", "accepted"], false],
  ["settlements", ["settle", "commit", "transact", "transacted", "committed", "ended", "acked"], true],
  ["effects", ["effect", "refused"], true],
  ["partitions", ["assigned", "revoking", "released", "lost", "moved", "trouble"], true],
];
const GROUP_OF = new Map(GROUPS.flatMap(([name, kinds]) => kinds.map((kind) => [kind, name])));

const CLEAN = 1, REPEAT = 2, SKIPPED = 4;

function duration(ns) {
  const three = (v) => (v >= 100 ? v.toFixed(0) : v >= 10 ? v.toFixed(1) : v.toFixed(2)).replace(/\.0+$|(\.\d*[1-9])0+$/, "$1");
  if (ns < 1e3) return ns + " ns";
  if (ns < 1e6) return three(ns / 1e3) + " µs";
  if (ns < 1e9) return three(ns / 1e6) + " ms";
  return three(ns / 1e9) + " s";
}

function milliseconds(ns) {
  return (ns / 1e6).toLocaleString("en-US", { minimumFractionDigits: 3, maximumFractionDigits: 3 });
}

class Model {
  constructor(data) {
    this.data = data;
    this.records = data.records.map((values, row) => {
      const record = { row };
      COLUMNS.forEach((name, i) => { record[name] = values[i]; });
      record.kind = KINDS[record.kind] || "end";
      const message = data.messages[record.message];
      record.job = message ? message[1] : -1;
      return record;
    });
    this.end = this.records.length ? this.records[this.records.length - 1].at : 0;
    this.lanes = this.makeLanes();
    this.laneOf = new Map(this.lanes.map((lane) => [lane.id, lane]));
    for (const record of this.records) record.lane = this.laneFor(record);
    this.links = this.makeLinks();
    this.linksOf = new Map();
    for (const link of this.links) {
      for (const row of [link.from, link.to]) {
        if (row < 0) continue;
        if (!this.linksOf.has(row)) this.linksOf.set(row, []);
        this.linksOf.get(row).push(link);
      }
    }
    this.spans = this.makeSpans();
    this.owners = this.makeOwners();
    this.faults = this.makeFaults();
  }

  // The feed, the broker's partitions by topic, processes, ports: neighbours in the drawing talk to each other.
  makeLanes() {
    const touched = new Map();
    const ports = new Set();
    let feed = false;
    for (const r of this.records) {
      if (r.kind === "submit" || r.kind === "accepted") feed = true;
      if (r.kind === "effect" || r.kind === "refused") ports.add(r.topic);
      else if (r.topic >= 0) {
        if (!touched.has(r.topic)) touched.set(r.topic, new Set());
        touched.get(r.topic).add(r.partition);
      }
    }
    const lanes = [];
    if (feed) lanes.push({ id: "feed", type: "feed", name: "feed", base: 42 });
    for (const topic of [...touched.keys()].sort((a, b) => a - b)) {
      const info = this.data.topics[topic] || { name: "topic " + topic, readers: [] };
      const readers = info.readers.map((s) => (this.data.stages[s] || {}).name).filter(Boolean);
      lanes.push({ id: "t" + topic, type: "topic", name: info.name, note: readers.length ? "read by " + readers.join(", ") : "", base: 22 });
      for (const partition of [...touched.get(topic)].sort((a, b) => a - b)) {
        lanes.push({ id: `t${topic}/${partition}`, type: "partition", name: `${info.name}/${partition}`, topic, partition,
          base: 34 + 14 * Math.max(1, Math.min(3, info.readers.length)) });
      }
    }
    lanes.push({ id: "processes", type: "topic", name: "processes", note: "", base: 22 });
    this.data.processes.forEach((process, i) => {
      lanes.push({ id: "p" + i, type: "process", name: process.name, process: i, base: 70 });
    });
    if (ports.size) lanes.push({ id: "ports", type: "topic", name: "outside systems", note: "", base: 22 });
    for (const port of [...ports].sort((a, b) => a - b)) {
      lanes.push({ id: "o" + port, type: "port", name: "port " + (this.data.ports[port] || port), base: 34 });
    }
    return lanes;
  }

  // Which lanes are drawn, and where: those of the rows, or all; taller where there is room.
  place(rows, available) {
    const used = rows && new Set(rows.map((row) => this.records[row].lane).filter(Boolean));
    if (used) {
      for (const row of rows) {
        const r = this.records[row];
        const other = r.kind === "effect" || r.kind === "refused" ? this.laneOf.get("o" + r.topic) : r.kind === "delivered" ? this.partitionLane(r) : undefined;
        if (other) used.add(other);
      }
    }
    // A heading stays while something under it does.
    let heading = null;
    for (const lane of this.lanes) {
      if (lane.type === "topic") heading = lane;
      lane.hidden = used ? !used.has(lane) : false;
      if (lane.type !== "topic" && lane.type !== "feed" && !lane.hidden && heading) heading.hidden = false;
    }
    const shown = this.lanes.filter((lane) => !lane.hidden);
    const natural = shown.reduce((sum, lane) => sum + lane.base, 8);
    const stretch = Math.max(1, Math.min(1.45, available / natural));
    let y = 0;
    for (const lane of shown) {
      lane.y = y;
      lane.height = lane.type === "topic" ? lane.base : lane.base * stretch;
      const offset = { process: 42, partition: 20, feed: 26 }[lane.type] || lane.base / 2;
      lane.line = y + offset + (lane.height - lane.base) * 0.55;
      y += lane.height;
    }
    this.height = y + 8;
  }

  laneFor(r) {
    const kind = r.kind;
    if (kind === "submit" || kind === "accepted") return this.laneOf.get("feed");
    if (kind === "moved") {
      const stage = this.data.stages[r.stage];
      return stage ? this.laneOf.get("t" + stage.input) : undefined;
    }
    if (["appended", "committed", "acked", "destroyed"].includes(kind)) return this.laneOf.get(`t${r.topic}/${r.partition}`);
    if (r.process >= 0) return this.laneOf.get("p" + r.process);
    return undefined;  // the world: on the axis
  }

  partitionLane(r) {
    return this.laneOf.get(`t${r.topic}/${r.partition}`);
  }

  // {type, from, to, message, lane}: rows, -1 where an end is not there. `lane`: where the missing end would be.
  makeLinks() {
    const links = [], handed = new Map(), stored = new Map(), commits = new Map(), settles = new Map();
    const push = (map, key, value) => { if (!map.has(key)) map.set(key, []); map.get(key).push(value); };
    for (const r of this.records) {
      const place = `${r.stage} ${r.topic} ${r.partition} ${r.sequence}`;
      if (r.kind === "submit" || r.kind === "publish") push(handed, r.message, r.row);
      else if (r.kind === "appended") {
        const waiting = handed.get(r.message) || [];
        const from = waiting.length ? waiting.pop() : -1;
        if (from >= 0) links.push({ type: "append", from, to: r.row, message: r.message });
        stored.set(r.message, r.row);
      } else if ((r.kind === "confirm" || r.kind === "accepted") && stored.has(r.message) && (r.kind === "accepted" || r.value === 0)) {
        links.push({ type: "confirm", from: stored.get(r.message), to: r.row, message: r.message });
      } else if (r.kind === "delivered") {
        links.push({ type: "delivery", from: -1, to: r.row, message: r.message, lane: this.partitionLane(r) });
      } else if (r.kind === "commit") push(commits, place, r.row);
      else if (r.kind === "committed") {
        const waiting = commits.get(place) || [];
        if (waiting.length) links.push({ type: "commit", from: waiting.shift(), to: r.row, message: -1 });
      } else if (r.kind === "settle" && this.data.queue) push(settles, r.stage + " " + r.message, r.row);
      else if (r.kind === "acked") {
        const waiting = settles.get(r.stage + " " + r.message) || [];
        if (waiting.length) links.push({ type: "commit", from: waiting.shift(), to: r.row, message: r.message });
      } else if (r.kind === "effect" || r.kind === "refused") {
        links.push({ type: "effect", from: r.row, to: -1, message: r.message, lane: this.laneOf.get("o" + r.topic) });
      }
    }
    // What was handed over and never came to be stored.
    for (const [message, rows] of handed) {
      if (stored.has(message)) continue;
      for (const row of rows) links.push({ type: "lost", from: row, to: -1, message });
    }
    return links;
  }

  // Of each process: [{from, to, state, life}], as rows; state: alive, paused, draining, down. `to` -1: the end.
  makeSpans() {
    return this.data.processes.map((_, process) => {
      const spans = [];
      let open = null;
      const turn = (row, state, life) => {
        if (open) spans.push({ ...open, to: row });
        open = { from: row, state, life };
      };
      let before = "alive";
      for (const r of this.records) {
        if (r.process !== process) continue;
        if (r.kind === "start") { turn(r.row, "alive", r.life); before = "alive"; }
        else if (r.kind === "crash" || r.kind === "stopped") turn(r.row, "down", r.life);
        else if (r.kind === "paused") turn(r.row, "paused", r.life);
        else if (r.kind === "resumed") turn(r.row, before, r.life);
        else if (r.kind === "drain") { turn(r.row, "draining", r.life); before = "draining"; }
        else if (!open) turn(r.row, "alive", r.life);
      }
      if (open) spans.push({ ...open, to: -1 });
      return spans;
    });
  }

  // Who has a partition: [{lane, stage, process, life, from, to}], as rows.
  makeOwners() {
    const owners = [], open = new Map();
    const close = (key, row) => {
      if (open.has(key)) owners.push({ ...open.get(key), to: row });
      open.delete(key);
    };
    for (const r of this.records) {
      const key = `${r.process} ${r.stage} ${r.topic} ${r.partition}`;
      if (r.kind === "assigned") {
        close(key, r.row);
        open.set(key, { lane: this.partitionLane(r), stage: r.stage, process: r.process, life: r.life, from: r.row });
      } else if (r.kind === "released" || r.kind === "lost") close(key, r.row);
      else if (r.kind === "crash" || r.kind === "stopped") {
        for (const k of [...open.keys()]) if (k.startsWith(r.process + " ")) close(k, r.row);
      }
    }
    for (const k of [...open.keys()]) close(k, -1);
    return owners;
  }

  makeFaults() {
    const faults = [], open = new Map();
    for (const r of this.records) {
      if (r.kind === "fault") {
        const fault = { row: r.row, to: -1, info: this.data.faults[r.value] || { name: "fault", kind: "fault", trigger: "" } };
        faults.push(fault);
        open.set(r.value, fault);
      } else if (r.kind === "healed" && open.has(r.value)) {
        open.get(r.value).to = r.row;
        open.delete(r.value);
      }
    }
    return faults;
  }

  // Where messages of a job stay: [{lane, from, to, end}], as rows. On a partition from the append until the last of its
  // readers has settled it; in a process from the delivery until it settles it, or dies.
  stays(job) {
    if (job < 0) return [];
    return this.records.filter((r) => r.job === job && r.lane).flatMap((r) => {
      if (r.kind === "appended") return [this.stayOnBroker(r)];
      if (r.kind === "delivered") return [this.stayAsInput(r)];
      return r.kind === "output" ? [this.stayAsOutput(r)] : [];
    });
  }

  stayOnBroker(r) {
    const readers = ((this.data.topics[r.topic] || {}).readers || []).length;
    const stay = { lane: r.lane, from: r.row, to: -1, end: "stays" };
    const done = new Set();
    for (const s of this.records.slice(r.row + 1)) {
      if (s.kind === "destroyed" && s.message === r.message) return { ...stay, to: s.row, end: "gone" };
      const covers = s.kind === "committed" && s.topic === r.topic && s.partition === r.partition && s.sequence > r.sequence;
      const acked = s.kind === "acked" && s.message === r.message && s.topic === r.topic;
      if (covers || acked) done.add(s.stage);
      if (readers > 0 && done.size >= readers) return { ...stay, to: s.row, end: "settled" };
    }
    return stay;
  }

  stayAsInput(r) {
    const stay = { lane: r.lane, from: r.row, to: -1, end: "stays" };
    for (const s of this.records.slice(r.row + 1)) {
      if (s.process !== r.process || s.life !== r.life) continue;
      const here = s.topic === r.topic && s.partition === r.partition && s.stage === r.stage;
      if ((s.kind === "settle" && s.message === r.message && here) || (s.kind === "commit" && here && s.sequence > r.sequence)) {
        return { ...stay, to: s.row, end: "settled" };
      }
      if (s.kind === "crash" || s.kind === "stopped") return { ...stay, to: s.row, end: "gone" };
      if ((s.kind === "lost" || s.kind === "released") && here) return { ...stay, to: s.row, end: "given back" };
    }
    return stay;
  }

  // An output is in memory until its confirm has come.
  stayAsOutput(r) {
    const stay = { lane: r.lane, from: r.row, to: -1, end: "stays" };
    for (const s of this.records.slice(r.row + 1)) {
      if (s.process !== r.process || s.life !== r.life) continue;
      if (s.kind === "confirm" && s.message === r.message && s.value === 0) return { ...stay, to: s.row, end: "settled" };
      if (s.kind === "crash" || s.kind === "stopped") return { ...stay, to: s.row, end: "gone" };
    }
    return stay;
  }

  // Puts the rows on an axis of "units": at least a step between records of one lane, growing slowly with the time
  // between them; long idle stretches become breaks of one width. Returns {rows, at: row → unit, total, breaks}.
  layout(rows, heavy) {
    const at = new Map(), breaks = [], gaps = [];
    for (let i = 1; i < rows.length; ++i) {
      const gap = this.records[rows[i]].at - this.records[rows[i - 1]].at;
      if (gap > 0) gaps.push(gap);
    }
    gaps.sort((a, b) => a - b);
    const typical = gaps.length ? gaps[gaps.length >> 1] : 1;
    const idle = Math.max(2e7, 6 * (gaps.length ? gaps[Math.floor(gaps.length * 0.9)] : 1));
    let unit = 0.8;
    const last = new Map();  // lane → unit of its last mark
    for (let i = 0; i < rows.length; ++i) {
      const r = this.records[rows[i]];
      const gap = i === 0 ? 0 : r.at - this.records[rows[i - 1]].at;
      const weight = heavy.has(r.row) ? 1.15 : 0.4;
      if (gap >= idle) {
        breaks.push({ from: unit + 0.6, to: unit + 3.2, ns: gap });
        unit += 3.8;
      } else if (gap > 0) {
        unit += Math.min(1.6, 0.2 + 0.35 * Math.log2(1 + gap / typical)) * weight;
      }
      if (r.lane) {
        if (last.has(r.lane.id)) unit = Math.max(unit, last.get(r.lane.id) + weight);
        last.set(r.lane.id, unit);
      }
      at.set(r.row, unit);
    }
    return { rows, at, total: unit + 1.6, breaks };
  }
}

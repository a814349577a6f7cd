"use strict";
// What is polled from the loop, kept, and shown. The view may be held and moved
// back; the program is never touched: there is nothing here but GET /state.
const KEPT = 1000, STATES_KEPT = 50, POLL_MS = 250, PATIENCE_MS = 3000;
const by = id => document.getElementById(id);
const token = new URLSearchParams(location.search).get("token") || "";

// Turns in their order, each {index, turn, state}: with the state of the loop as
// it was polled when the turn came in, for as long as that is kept.
let kept = [], states = [], next = 0, state = null;
let bases = [], number = null, id = null;
let beginnings = 0;  // how often a base was chosen
let shown = null, paused = false, alive = true;
// Names of functions by their addresses.
const names = new Map();

// --- Words --------------------------------------------------------------------

function time(us) {
  if (us === undefined || us < 0) return "";
  if (us < 1000) return us.toFixed(us < 10 ? 1 : 0) + " µs";
  if (us < 1e6) return (us / 1000).toFixed(us < 1e4 ? 2 : 1) + " ms";
  if (us < 6e7) return (us / 1e6).toFixed(2) + " s";
  return us < 36e8 ? (us / 6e7).toFixed(1) + " min" : (us / 36e8).toFixed(1) + " h";
}

function bytes(n) {
  if (n === undefined) return "";
  if (n < 1024) return n + " B";
  return n < 1 << 20 ? (n / 1024).toFixed(1) + " KiB" : (n / (1 << 20)).toFixed(1) + " MiB";
}

// "_ZN5evoke12_GLOBAL__N_19ReadReadyEisPv (server+0x1)" as "evoke::ReadReady
// (server+0x1)": names of C++ as far as they are nothing but names; templates
// and operators stay as they are.
function plain(name) {
  const match = /^_Z(N?)([^ ]*)(.*)$/.exec(name);
  if (!match) return name;
  let rest = match[2].replace(/^[KVr]*L?/, ""), parts = [];
  for (let length; (length = /^L?(\d+)/.exec(rest)); ) {
    const from = length[0].length, to = from + Number(length[1]);
    if (to > rest.length) return name;
    parts.push(rest.slice(from, to));
    rest = rest.slice(to);
    if (!match[1]) break;
  }
  if (parts.length === 0 || (match[1] && rest[0] !== "E")) return name;
  return parts.filter(part => !part.startsWith("_GLOBAL__N_")).join("::") + match[3];
}

function nameOf(address) {
  return plain(names.get(address) ?? address);
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// Cells are texts, or elements; `numeric` says which columns are numbers.
function rows(body, list, numeric) {
  body.replaceChildren(...list.map(cells => {
    const row = element("tr", {});
    if (cells.data) Object.assign(row.dataset, cells.data);
    cells.forEach((cell, i) => {
      const td = row.insertCell();
      if (numeric.includes(i)) td.className = "n";
      td.append(cell);
    });
    return row;
  }));
}

function pairs(list, facts) {
  list.replaceChildren(...facts.flatMap(([name, value]) =>
    [element("dt", {textContent: name}), element("dd", {textContent: value})]));
}

// --- What the filter lets through -----------------------------------------------

function wanted() {
  const text = by("filter").value.trim();
  return text === "" || !/^\d+$/.test(text) ? null : Number(text);
}
const isWanted = fd => wanted() === null || fd === wanted();
// Or may have: of a turn with many callbacks only the first ones are known.
const hasWanted = turn => wanted() === null ||
  turn.calls.some(call => isWanted(call.fd)) || turn.callbacks > turn.calls.length;

// --- The parts of the page --------------------------------------------------------

function showTurn(turn) {
  by("turn").textContent = turn.n;
  evoke_wheel.share(turn);
  pairs(by("facts"), [
    ["before the wait", time(turn.before_us)],
    ["asked for", turn.timeout_us < 0 ? "no limit" : time(turn.timeout_us)],
    ["waited", time(turn.wait_us)],
    ["ready", turn.ready + (turn.ready === 1 ? " descriptor" : " descriptors")],
    ["timers due", turn.timers],
    ["callbacks", turn.callbacks],
    ["after the wait", time(turn.run_us)],
    ["sent in step 2", bytes(turn.sent)],
    ["read, written", bytes(turn.read) + ", " + bytes(turn.written)],
    ["added, deleted", turn.added + ", " + turn.deleted],
    ["wake-ups", turn.wakes]]);
  const calls = turn.calls.filter(call => isWanted(call.fd));
  rows(by("calls"), calls.map(call => {
    const cells = [element("span", {textContent: nameOf(call.function), className: call.depth ? "nested" : ""}),
      call.source, call.what, call.fd < 0 ? "" : String(call.fd), call.us < 0 ? "running" : time(call.us),
      call.late_us > 0 ? time(call.late_us) : ""];
    cells.data = {fd: call.fd, source: call.source};
    return cells;
  }), [3, 4, 5]);
  const left = turn.callbacks - turn.calls.length;
  by("more").textContent = left > 0 ? `and ${left} more` : "";
  const most = Math.max(1, ...turn.queued);
  by("queues").replaceChildren(...turn.queued.map((count, priority) => {
    const fill = element("i", {});
    fill.style.width = 100 * count / most + "%";
    const row = element("div", {className: "queue"}, `priority ${priority}`,
      element("div", {className: "bar"}, fill), String(count));
    row.dataset.priority = priority;
    row.dataset.count = count;
    return row;
  }));
}

function showTurns() {
  const list = kept.slice(-128);
  if (shown && !list.includes(shown)) list.splice(0, list.length, ...kept.slice(kept.indexOf(shown), kept.indexOf(shown) + 128));
  const most = Math.max(1, ...list.map(entry => Math.max(0, entry.turn.run_us)));
  by("turns").replaceChildren(...list.map(entry => {
    const bar = element("i", {title: `turn ${entry.turn.n}: ${entry.turn.callbacks} callbacks, ${time(entry.turn.run_us)}`});
    bar.style.height = Math.max(3, 100 * Math.max(0, entry.turn.run_us) / most) + "%";
    bar.className = (entry === shown ? "shown " : "") + (hasWanted(entry.turn) ? "" : "other");
    bar.onclick = () => { hold(true); shown = entry; show(); };
    return bar;
  }));
}

// From 100 microseconds to a day, by powers of ten.
function place(us) {
  return 30 + 940 * Math.min(1, Math.max(0, (Math.log10(Math.max(us, 1)) - 2) / 9));
}

function showTimers(of) {
  const svg = by("timers"), make = evoke_wheel.make;
  const timers = of.timers.filter(timer => isWanted(timer.fd));
  by("timer_count").textContent = timers.length + (of.complete ? "" : " or more");
  svg.replaceChildren();
  make(svg, "line", {class: "axis", x1: 30, x2: 970, y1: 44, y2: 44});
  [[1e2, "now"], [1e3, "1 ms"], [1e4, "10 ms"], [1e5, "100 ms"], [1e6, "1 s"], [1e7, "10 s"],
    [6e7, "1 min"], [6e8, "10 min"], [36e8, "1 h"], [864e8, "1 day"]].forEach(([us, text]) => {
    make(svg, "line", {class: "tick", x1: place(us), x2: place(us), y1: 38, y2: 50});
    make(svg, "text", {x: place(us), y: 66, "text-anchor": "middle"}, text);
  });
  // Those at one place stand on each other.
  const heights = new Map();
  for (const timer of timers) {
    const x = Math.round(place(timer.in_us) / 9);
    const height = heights.get(x) || 0;
    heights.set(x, height + 1);
    if (height > 3) continue;
    const dot = make(svg, "circle", {class: timer.in_us < 0 ? "timer due" : "timer",
      cx: place(timer.in_us), cy: 36 - 9 * height, r: 4});
    dot.dataset.fd = timer.fd;
    make(dot, "title", {}, `${nameOf(timer.function)}, in ${time(Math.max(0, timer.in_us))}` +
      (timer.of_us > 0 ? ` of ${time(timer.of_us)}` : "") + (timer.fd < 0 ? "" : `, fd ${timer.fd}`));
  }
}

// Bytes in a buffer, and its watermarks as lines.
function level(held, low, high) {
  const most = Math.max(1, held, high, low) * (high > 0 && held <= high ? 1 : 1.25);
  const bar = element("div", {className: "bar", title: `${held} bytes; watermarks ${low}, ${high || "none"}`});
  const fill = element("i", {});
  fill.style.width = 100 * held / most + "%";
  bar.append(fill);
  for (const mark of [low, high]) {
    if (mark === 0) continue;
    const line = element("b", {});
    line.style.left = `calc(${100 * mark / most}% - 2px)`;
    bar.append(line);
  }
  const words = element("span", {textContent: bytes(held) +
    (low ? `, low ${bytes(low)}` : "") + (high ? `, high ${bytes(high)}` : "")});
  const cell = element("div", {}, bar, words);
  Object.assign(cell.dataset, {held, low, high});
  return cell;
}

function showFds(of) {
  const fds = of.fds.filter(entry => isWanted(entry.fd));
  by("fd_count").textContent = fds.length + (of.complete ? "" : " or more");
  rows(by("fds"), fds.map(entry => {
    const waits = entry.waits.length === 0 ? "nothing now" :
      entry.waits.map(event => `${event.what} (priority ${event.priority}${event.internal ? ", the library's own" : ""})`).join(", ");
    const held = entry.buffers;
    const cells = [String(entry.fd), waits,
      held ? level(held.input, held.read_low, held.read_high) : "",
      held ? level(held.output, held.write_low, held.write_high) : "",
      bytes(entry.read), bytes(entry.written),
      entry.callbacks === undefined ? "" : String(entry.callbacks), time(entry.busy_us)];
    cells.data = {fd: entry.fd};
    return cells;
  }), [0, 4, 5, 6, 7]);
  by("signals").textContent = of.signals.length === 0 ? "" :
    "Signals: " + of.signals.map(event => `${event.signal} (${nameOf(event.function)})`).join(", ");
}

function showSlowest(of) {
  rows(by("slowest"), of.slowest.filter(entry => isWanted(entry.fd)).map(entry =>
    [nameOf(entry.function), entry.source, time(entry.longest_us), String(entry.turn),
      entry.fd < 0 ? "" : String(entry.fd), String(entry.calls), time(entry.total_us)]),
  [2, 3, 4, 5, 6]);
}

function showStats(of) {
  const s = of.stats;
  pairs(by("stats"), !s ? [["turns", of.next + of.own_turns], ["of these the page's own", of.own_turns]] : [
    ["turns", s.turns], ["of these the page's own", of.own_turns], ["events now", s.events],
    ["callbacks queued at most", s.active_max],
    ["late timers, at most", s.timers_late + ", " + time(s.late_max_us)],
    ["wake-ups", s.wakeups], ["waits, changes told", s.waits + ", " + s.changes],
    ["read, written", bytes(s.bytes_read) + ", " + bytes(s.bytes_written)]]);
}

function show() {
  const of = paused && shown ? shown.state ?? states[0] : state;
  if (!of) return;
  const behind = shown ? kept.length - 1 - kept.indexOf(shown) : 0;
  by("status").textContent = !alive ? "the loop does not answer" :
    (paused ? `held, ${behind} turns behind` : "live") + `, ${of.method}`;
  by("pause").textContent = paused ? "go on" : "pause";
  if (shown) showTurn(shown.turn);
  showTurns();
  showTimers(of);
  showFds(of);
  showSlowest(of);
  showStats(of);
}

// --- Moving about -------------------------------------------------------------------

function hold(on) {
  paused = on;
  if (on) evoke_wheel.stop(3);
  if (!on && kept.length) shown = kept[kept.length - 1];
}

// To the next turn, in which something happened on the wanted descriptor.
function step(by_one) {
  hold(true);
  let at = shown ? kept.indexOf(shown) + by_one : kept.length - 1;
  while (kept[at] && !hasWanted(kept[at].turn)) at += by_one;
  if (kept[at]) shown = kept[at];
  show();
}

by("pause").onclick = () => { hold(!paused); show(); };
by("back").onclick = () => step(-1);
by("forth").onclick = () => step(1);
by("filter").oninput = show;
// Of another base nothing is known yet.
function begin(base) {
  number = base;
  kept = []; states = []; next = 0;
  shown = state = id = null;
  ++beginnings;
  hold(false);
}
by("base").onchange = () => begin(Number(by("base").value));
addEventListener("keydown", event => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.target.matches("input, select")) return;
  // A button takes the space for itself.
  if (event.key === " " && !event.target.matches("button")) {
    event.preventDefault();
    by("pause").click();
  }
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});

// --- The loop's state -----------------------------------------------------------------

function showBases(list) {
  const names = list.map(base => `${base.number} (${base.method})`);
  if (bases.join() === names.join()) return;
  bases = names;
  by("base").replaceChildren(...list.map((base, i) =>
    element("option", {value: base.number, textContent: names[i], selected: base.number === number})));
}

function take(answer) {
  showBases(answer.bases);
  // At first, or when the base that was shown is gone: any other.
  if (!answer.state) {
    begin(answer.bases.length ? answer.bases[0].number : null);
    return;
  }
  // Another base has its number now: its turns are asked for from the first on.
  if (id !== null && answer.id !== id) {
    begin(answer.number);
    return;
  }
  number = answer.number;
  id = answer.id;
  for (const address in answer.names) names.set(address, answer.names[address]);
  state = answer.state;
  state.turns.forEach((turn, i) => kept.push({index: state.first + i, turn, state}));
  delete state.turns;
  kept.splice(0, kept.length - KEPT);
  states.push(state);
  if (states.length > STATES_KEPT) {
    const oldest = states.shift();
    for (const entry of kept) if (entry.state === oldest) entry.state = null;
  }
  if (state.next !== next && !paused) evoke_wheel.turnOnce();
  next = state.next;
  evoke_wheel.say(state.now && state.now.wait_us < 0 && state.now.timeout_us !== 0 ? "asleep" : "");
  if (shown && !kept.includes(shown)) shown = kept[0] || null;
  if (!paused) shown = kept[kept.length - 1] || null;
}

async function poll() {
  try {
    const query = new URLSearchParams({token, since: next});
    if (number !== null) query.set("base", number);
    const asked = beginnings;
    // A loop that a callback holds up accepts, and does not answer.
    const response = await fetch("/state?" + query, {cache: "no-store", credentials: "omit",
      signal: AbortSignal.timeout(PATIENCE_MS)});
    if (!response.ok) throw new Error(response.status);
    const answer = await response.json();
    alive = true;
    // Of another base, or not from its beginning on, when one was chosen since.
    if (asked === beginnings) take(answer);
  } catch (error) {
    alive = false;
  }
  try {
    show();
    if (!alive) by("status").textContent = "the loop does not answer";
  } finally {
    setTimeout(poll, POLL_MS);
  }
}

evoke_wheel.draw(by("wheel"));
poll();

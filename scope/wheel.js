"use strict";
// The wheel: the eight steps of a turn, as event/loop.cc numbers them, and
// around them how the turn's time was shared among them. `evoke_wheel` is all
// that page.js uses of it.
const evoke_wheel = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const CENTRE = 180, STEPS_AT = 104, RIM = 166;
  const STEPS = ["anything to do?", "send", "how long?", "ask the kernel",
    "one time", "timers due", "callbacks", "another turn?"];
  // Which part of the turn's time a step belongs to.
  const PART = ["", "", "", "wait", "run", "run", "run", "run"];
  const MS_A_TURN = 480;

  function make(parent, tag, attributes, text) {
    const element = document.createElementNS(SVG, tag);
    for (const name in attributes) element.setAttribute(name, attributes[name]);
    if (text !== undefined) element.textContent = text;
    return parent.appendChild(element);
  }

  // Of a full circle, clockwise from the top.
  function point(share, radius) {
    const angle = (share - 0.25) * 2 * Math.PI;
    return [CENTRE + radius * Math.cos(angle), CENTRE + radius * Math.sin(angle)];
  }

  function arc(from, to, radius) {
    const [x0, y0] = point(from, radius), [x1, y1] = point(to, radius);
    return `M ${x0} ${y0} A ${radius} ${radius} 0 ${to - from > 0.5 ? 1 : 0} 1 ${x1} ${y1}`;
  }

  let steps = [], marker = null, shares = null, middle = null;
  let started = 0, running = false, rest = 3, turning = false;

  function draw(svg) {
    make(svg, "circle", {class: "rim", cx: CENTRE, cy: CENTRE, r: RIM});
    shares = make(svg, "g", {});
    steps = STEPS.map((name, i) => {
      const [x, y] = point(i / 8, STEPS_AT);
      const step = make(svg, "g", {class: "step " + PART[i]});
      make(step, "circle", {cx: x, cy: y, r: 17});
      make(step, "text", {x: x, y: y + 4}, String(i + 1));
      make(step, "text", {x: x, y: y + 31}, name);
      return step;
    });
    marker = make(svg, "circle", {class: "marker", r: 7});
    middle = make(svg, "text", {x: CENTRE, y: CENTRE + 4, "text-anchor": "middle"});
    place(3);
  }

  // `at`: a step from 0 on, with a fraction between two of them.
  function place(at) {
    const [x, y] = point(at / 8, STEPS_AT - 34);
    marker.setAttribute("cx", x);
    marker.setAttribute("cy", y);
    const nearest = Math.round(at) % 8;
    steps.forEach((step, i) => step.classList.toggle("at", i === nearest));
  }

  function frame(now) {
    const share = (now - started) / MS_A_TURN;
    if (!turning || share >= 1) {
      running = turning = false;
      place(rest);
      return;
    }
    place((rest + share * 8) % 8);
    requestAnimationFrame(frame);
  }

  // Once around, if it is not on its way already.
  function turnOnce() {
    if (turning) return;
    turning = true;
    started = performance.now();
    if (!running) {
      running = true;
      requestAnimationFrame(frame);
    }
  }

  function stop(at) {
    turning = false;
    rest = at;
    place(at);
  }

  // The rim: before the wait, the wait, after it.
  function share(turn) {
    shares.replaceChildren();
    const parts = [["var(--other)", turn.before_us], ["var(--wait)", turn.wait_us],
      ["var(--run)", turn.run_us]].map(([colour, us]) => [colour, Math.max(us, 0)]);
    const sum = parts.reduce((total, part) => total + part[1], 0);
    let from = 0;
    for (const [colour, us] of parts) {
      if (sum === 0 || us === 0) continue;
      const to = Math.min(from + us / sum, from + 0.9999);
      make(shares, "path", {class: "share", stroke: colour, d: arc(from, to, RIM)});
      from = to;
    }
  }

  return {draw, share, turnOnce, stop, say: text => { middle.textContent = text; }, make};
})();

"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const configs = (data.configs || []).filter((c) => c.runs.length > 0);
  if (!byId("charts") || configs.length === 0) return;
  byId("charts").hidden = false;

  const outcomes = ["ok", "fallback", "degraded", "failed"];
  const state = { config: configs.length - 1, run: 0, from: null, to: null };
  let charts = [];
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const element = (tag, text, parent) => {
    const e = document.createElement(tag);
    e.textContent = text;
    parent.append(e);
    return e;
  };
  const runOf = (config) => config.runs[Math.min(state.run, config.runs.length - 1)];
  const times = (run) => run.p50.map((_, i) => i * run.step);
  const length = () => Math.max(...configs.map((c) => runOf(c).p50.length * runOf(c).step));
  const time = (v) => (v == null ? "" : v >= 10 || v === 0 ? v.toFixed(0) + " s" : v >= 1 ? +v.toFixed(2) + " s" : +(v * 1000).toPrecision(3) + " ms");
  const number = (v) => (v == null ? "" : String(+v.toFixed(v < 10 ? 2 : 1)));

  // windows shades when faults are active.
  const windows = (u) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.fillStyle = color("window");
    for (const w of data.windows || []) {
      const from = Math.max(u.valToPos(w.from, "x", true), bbox.left);
      const to = Math.min(u.valToPos(w.to, "x", true), bbox.left + bbox.width);
      if (to > from) ctx.fillRect(from, bbox.top, to - from, bbox.height);
    }
    ctx.restore();
  };

  const zoom = (from, to) => {
    state.from = from;
    state.to = to;
    for (const u of charts) u.setScale("x", { min: from ?? 0, max: to ?? length() });
  };

  const axis = (extra) => ({ stroke: color("soft"), grid: { stroke: color("line"), width: 1 }, ticks: { show: false }, font: "11.5px system-ui, sans-serif", ...extra });

  const chart = (id, height, series, values, y, extra) => {
    const host = byId(id);
    host.replaceChildren();
    const draw = [windows];
    const u = new uPlot({
      width: Math.max(host.clientWidth, 240), height,
      cursor: { sync: { key: "course", scales: ["x", null] }, drag: { x: true, y: false, setScale: false }, points: { size: 6 }, bind: { dblclick: () => () => zoom(null, null) } },
      scales: { x: { time: false, min: state.from ?? 0, max: state.to ?? length(), auto: false }, y: y.scale },
      axes: [axis({ values: (_, v) => v.map(time) }), axis({ values: y.values, size: 64, ...y.axis })],
      series: [{ label: "at", value: (_, v) => (v == null ? "–" : number(v) + " s") }, ...series],
      hooks: {
        drawClear: draw,
        setSelect: [(u) => {
          if (u.select.width < 4) return;
          const from = u.posToVal(u.select.left, "x"), to = u.posToVal(u.select.left + u.select.width, "x");
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          zoom(from, to);
        }],
        ...extra,
      },
    }, values, host);
    charts.push(u);
  };

  const line = (label, stroke, more) => ({ label, stroke, width: 1.75, points: { show: false }, spanGaps: true, value: (_, v) => number(v), ...more });
  const palette = () => ["soft", "fallback", "ok", "degraded", "failed", "ink"].map(color);
  const dashes = [[], [6, 3], [2, 2]];

  const drawShares = () => {
    const longest = configs.reduce((a, c) => (runOf(c).p50.length > a.p50.length ? runOf(c) : a), runOf(configs[0]));
    const values = [times(longest)];
    const series = configs.map((c, i) => {
      const n = runOf(c).counts;
      values.push(values[0].map((_, k) => {
        const all = outcomes.reduce((sum, o) => sum + (n[o][k] || 0), 0);
        return all ? (100 * (n.ok[k] + n.fallback[k])) / all : null;
      }));
      return line(c.name, palette()[i % 6], { dash: dashes[Math.floor(i / 6) % 3], value: (_, v) => (v == null ? "–" : number(v) + " %"), width: i === state.config ? 2.75 : 1.75 });
    });
    chart("chart-share", 200, series, values, { scale: { range: [0, 104] }, values: (_, v) => v.map((x) => (x <= 100 ? x + " %" : "")) });
  };

  const drawOutcomes = (run) => {
    const raw = outcomes.map((o) => run.counts[o].map((n) => n / run.step));
    const stacked = [];
    raw.forEach((values, i) => stacked.push(values.map((v, k) => v + (i ? stacked[i - 1][k] : 0))));
    const bars = uPlot.paths.bars({ size: [0.94, 60], align: 1 });
    const series = [], values = [times(run)];
    for (const i of [3, 2, 1, 0]) {
      values.push(stacked[i]);
      series.push({ label: outcomes[i], stroke: color(outcomes[i]), fill: color(outcomes[i]), width: 0, paths: bars, points: { show: false }, value: (_, v, __, k) => (k == null ? "–" : number(raw[i][k])) });
    }
    chart("chart-outcomes", 190, series, values, { scale: { range: (_, __, max) => [0, Math.max(max, 1) * 1.05] }, values: (_, v) => v.map(number) });
  };

  const drawLatency = (run) => {
    chart("chart-latency", 180, [line("p50", color("fallback"), { value: (_, v) => time(v) }), line("p95", color("ink"), { value: (_, v) => time(v) })],
      [times(run), run.p50, run.p95], { scale: { range: (_, __, max) => [0, (max || 1) * 1.06] }, values: (_, v) => v.map(time) });
  };

  const drawLoad = (run) => {
    chart("chart-load", 160, [line("in flight", color("ok")), line("attempts/s", color("soft"))],
      [times(run), run.inFlight, run.attempts.map((n) => n / run.step)], { scale: { range: (_, __, max) => [0, Math.max(max, 1) * 1.06] }, values: (_, v) => v.map(number) });
  };

  // drawLanes gives each fault, and each breaker that ever left closed, a lane.
  const drawLanes = (run) => {
    const lanes = [];
    for (const name of Object.keys(run.faults).sort()) lanes.push({ name, counts: run.faults[name] });
    for (const name of Object.keys(run.breakers).sort()) lanes.push({ name, spans: run.breakers[name] });
    const figure = byId("chart-lanes").parentElement;
    figure.hidden = lanes.length === 0;
    if (figure.hidden) return;
    const paint = (u) => {
      const { ctx, bbox } = u, dpr = devicePixelRatio, each = bbox.height / lanes.length;
      const x = (at) => Math.min(Math.max(u.valToPos(at, "x", true), bbox.left), bbox.left + bbox.width);
      ctx.save();
      lanes.forEach((lane, i) => {
        const top = bbox.top + i * each + each * 0.42, height = each * 0.46;
        const box = (from, to, fill, alpha) => {
          if (x(to) <= x(from)) return;
          ctx.globalAlpha = alpha;
          ctx.fillStyle = fill;
          ctx.fillRect(x(from), top, x(to) - x(from), height);
        };
        if (lane.counts) {
          const most = Math.max(...lane.counts, 1);
          lane.counts.forEach((n, k) => n && box(k * run.step, (k + 1) * run.step, color("failed"), 0.25 + (0.75 * n) / most));
        } else {
          let at = 0;
          for (const [level, steps] of lane.spans) {
            box(at, at + steps * run.step, color(["ok", "degraded", "failed"][level]), level ? 1 : 0.28);
            at += steps * run.step;
          }
        }
        ctx.globalAlpha = 1;
        ctx.fillStyle = color("soft");
        ctx.font = 11.5 * dpr + "px system-ui, sans-serif";
        ctx.textAlign = "left";
        ctx.textBaseline = "alphabetic";
        ctx.fillText(lane.counts ? lane.name : "breaker of " + lane.name, bbox.left + 4 * dpr, top - 3 * dpr);
      });
      ctx.restore();
    };
    chart("chart-lanes", lanes.length * 34 + 40, [{ label: "", points: { show: false } }], [times(run), run.p50.map(() => null)],
      { scale: { range: [0, 1] }, values: () => [], axis: { grid: { show: false } } }, { draw: [paint] });
    const legend = byId("chart-lanes").querySelector(".u-legend");
    if (legend) legend.remove();
    const key = element("p", "", byId("chart-lanes"));
    key.className = "legend";
    for (const [kind, text] of [["failed", "breaker open, or a fault firing"], ["degraded", "half-open"], ["ok", "closed"]]) {
      element("span", "", key).className = "key " + kind;
      key.append(text);
    }
  };

  const draw = () => {
    for (const u of charts) u.destroy();
    charts = [];
    const run = runOf(configs[state.config]);
    drawShares();
    drawLanes(run);
    drawOutcomes(run);
    drawLatency(run);
    drawLoad(run);
  };

  const controls = () => {
    const bar = byId("controls");
    const seeds = Math.max(...configs.map((c) => c.runs.length));
    if (seeds > 1) {
      const label = element("label", "Seed ", bar), select = element("select", "", label);
      configs.find((c) => c.runs.length === seeds).runs.forEach((run, i) => (element("option", run.seed, select).value = i));
      select.onchange = () => { state.run = +select.value; draw(); };
    }
    element("button", "Whole run", bar).onclick = () => zoom(null, null);
    for (const w of (data.windows || []).slice(0, 6)) {
      const pad = Math.max((w.to - w.from) * 0.3, 1);
      if (w.to - w.from < length() * 0.9) element("button", "Zoom to " + w.name, bar).onclick = () => zoom(Math.max(w.from - pad, 0), Math.min(w.to + pad, length()));
    }
    configs.forEach((c, i) => {
      const tab = element("button", c.name, byId("tabs"));
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-selected", i === state.config);
      tab.onclick = () => {
        state.config = i;
        byId("tabs").childNodes.forEach((t, k) => t.setAttribute("aria-selected", k === i));
        draw();
      };
    });
  };

  controls();
  draw();
  let wide = innerWidth, later;
  addEventListener("resize", () => {
    if (innerWidth === wide) return;
    wide = innerWidth;
    clearTimeout(later);
    later = setTimeout(draw, 150);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();

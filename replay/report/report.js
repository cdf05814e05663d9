"use strict";
// Unpacks the plotting library, draws the charts from the data beside it, and again for another theme or paper.

const data = JSON.parse(document.getElementById("chart-data").textContent);
// On a narrow screen the buttons would lie on the legend; fingers zoom without them.
const config = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d"],
                 ...(window.matchMedia("(max-width: 640px)").matches ? { displayModeBar: false } : {}) };
const FEWEST_RETURNS = 5;

function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue("--" + name).trim();
  return { card: of("card"), text: of("text"), muted: of("muted"), line: of("line"), accent: of("accent"),
           gain: of("gain"), loss: of("loss"), fill: of("fill"), area: of("area") };
}

function axis(c, more) {
  return { gridcolor: c.line, linecolor: c.line, zerolinecolor: c.line, tickcolor: c.line, automargin: true, ...more };
}

function layout(c, more) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: c.text, size: 12, family: getComputedStyle(document.body).fontFamily },
    margin: { l: 64, r: 16, t: 30, b: 36 }, showlegend: false,
    modebar: { bgcolor: "rgba(0,0,0,0)", color: c.line, activecolor: c.accent },
    hoverlabel: { bgcolor: c.card, bordercolor: c.line, font: { color: c.text } },
    ...more,
  };
}

const isLog = (id) => document.getElementById(id).checked;
const timeFormat = (isIntraday) => (isIntraday ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%d");

function drawCurve(c) {
  const { x, equity, benchmark, drawdown, is_intraday } = data.curve;
  const mode = x.length < 40 ? "lines+markers" : "lines";
  const deepest = drawdown.reduce((low, depth) => Math.min(low, depth === null ? 0 : depth), -0.01);
  const traces = [
    { x, y: equity, type: "scatter", mode, name: "Equity", line: { color: c.accent, width: 1.6 }, marker: { size: 5 },
      hovertemplate: "%{y:,.2f} " + data.currency + "<extra>Equity</extra>" },
    ...(benchmark.length ? [{ x, y: benchmark, type: "scatter", mode: "lines", name: "Benchmark",
      line: { color: c.muted, width: 1.1, dash: "dot" },
      hovertemplate: "%{y:,.2f} " + data.currency + "<extra>Benchmark</extra>" }] : []),
    { x, y: drawdown, type: "scatter", mode, name: "Drawdown", yaxis: "y2", fill: "tozeroy", fillcolor: c.fill,
      line: { color: c.loss, width: 1 }, marker: { size: 4 }, hovertemplate: "%{y:.2%}<extra>Drawdown</extra>" },
  ];
  Plotly.react("curve", traces, layout(c, {
    hovermode: "x unified", showlegend: benchmark.length > 0,
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    margin: { l: 64, r: 16, t: 34, b: 36 },
    xaxis: axis(c, { type: "date", anchor: "y2", hoverformat: timeFormat(is_intraday) }),
    yaxis: axis(c, { domain: [0.32, 1], tickformat: ",.4~f", title: { text: data.currency },
                     type: isLog("curve-log") ? "log" : "linear" }),
    yaxis2: axis(c, { domain: [0, 0.26], tickformat: ".2~%", range: [1.08 * deepest, 0], nticks: 4 }),
  }), config);
}

function drawStrategies(c) {
  const chart = document.getElementById("strategies");
  if (chart === null) return;
  chart.hidden = data.strategies.length === 0;
  if (chart.hidden) return;
  const traces = data.strategies.map(({ name, x, pnl }) => (
    { x, y: pnl, type: "scatter", mode: x.length < 40 ? "lines+markers" : "lines", name, line: { width: 1.4 },
      marker: { size: 4 }, hovertemplate: "%{y:,.2f} " + data.currency + "<extra>" + name + "</extra>" }));
  Plotly.react("strategies", traces, layout(c, {
    hovermode: "x unified", showlegend: true, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    margin: { l: 64, r: 16, t: 34, b: 36 },
    xaxis: axis(c, { type: "date", hoverformat: timeFormat(data.curve.is_intraday) }),
    yaxis: axis(c, { tickformat: ",.4~f", title: { text: "Net P&L, " + data.currency } }),
  }), config);
}

function markers(points, name, marker) {
  return { x: points.x, y: points.y, text: points.text, name, type: "scatter", mode: "markers",
           marker: { size: 9, ...marker }, hovertemplate: "%{text}<br>%{x}<extra>" + name + "</extra>" };
}

function priceTraces(c, chart) {
  const line = { x: chart.x, y: chart.y, type: "scatter", mode: chart.x.length < 40 ? "lines+markers" : "lines",
    name: "Price", line: { color: c.muted, width: 1.1 }, marker: { size: 4 },
    hovertemplate: "%{y:,.6~f}<br>%{x}<extra>Price</extra>" };
  if (chart.candles === null || document.getElementById("price-form").value === "line") return [line];
  const side = (colour) => ({ line: { color: colour, width: 1 }, fillcolor: colour });
  return [{ ...chart.candles, type: "candlestick", name: "Price", increasing: side(c.gain), decreasing: side(c.loss),
            opacity: 0.7 }];
}

function drawPrice(c) {
  if (data.prices.length === 0) return;
  const chart = data.prices[document.getElementById("price-symbol").selectedIndex] || data.prices[0];
  const edge = { color: c.card, width: 1 };
  const below = chart.indicators.some((one) => !one.on_price);
  const traces = [
    ...priceTraces(c, chart),
    ...chart.indicators.map((one) => ({ x: one.x, y: one.y, type: "scatter", mode: "lines", name: one.name,
      yaxis: one.on_price ? "y" : "y2", line: { width: 1.2 },
      hovertemplate: "%{y:,.6~f}<br>%{x}<extra>" + one.name + "</extra>" })),
    markers(chart.long_entries, "Long entry", { symbol: "triangle-up", color: c.accent, line: edge }),
    markers(chart.short_entries, "Short entry", { symbol: "triangle-down", color: c.accent, line: edge }),
    markers(chart.gains, "Exit with gain", { symbol: "circle", color: c.gain, line: edge, size: 8 }),
    markers(chart.losses, "Exit with loss", { symbol: "circle", color: c.loss, line: edge, size: 8 }),
  ].filter((trace) => trace.x.length > 0);
  Plotly.react("price", traces, layout(c, {
    hovermode: "closest", showlegend: true, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    margin: { l: 64, r: 16, t: 34, b: 36 },
    xaxis: axis(c, { type: "date", hoverformat: timeFormat(chart.is_intraday), rangeslider: { visible: false },
                     anchor: below ? "y2" : "y" }),
    yaxis: axis(c, { tickformat: ",.6~f", domain: below ? [0.3, 1] : [0, 1],
                     type: isLog("price-log") ? "log" : "linear" }),
    ...(below ? { yaxis2: axis(c, { domain: [0, 0.25], tickformat: ",.6~f" }) } : {}),
  }), config);
  document.getElementById("price-form-choice").hidden = chart.candles === null;
  document.getElementById("price-note").textContent = chart.note;
}

function drawRolling(c) {
  const { x, sharpe, volatility } = data.rolling;
  if (x.length === 0) return;
  const line = { type: "scatter", mode: "lines", connectgaps: false };
  Plotly.react("rolling", [
    { ...line, x, y: sharpe, name: "Sharpe", line: { color: c.accent, width: 1.4 },
      hovertemplate: "%{y:.2f}<extra>Sharpe</extra>" },
    { ...line, x, y: volatility, name: "Volatility", yaxis: "y2", line: { color: c.muted, width: 1.2 },
      hovertemplate: "%{y:.2%}<extra>Volatility</extra>" },
  ], layout(c, {
    hovermode: "x unified", xaxis: axis(c, { type: "date", anchor: "y2", hoverformat: "%Y-%m-%d" }),
    yaxis: axis(c, { domain: [0.42, 1], title: { text: "Sharpe" }, zerolinecolor: c.muted }),
    yaxis2: axis(c, { domain: [0, 0.34], title: { text: "Volatility" }, tickformat: ".0~%", rangemode: "tozero" }),
  }), config);
}

function drawYears(c) {
  const { x, returns, benchmark } = data.years;
  const bar = { type: "bar", x };
  const toned = returns.map((value) => (value !== null && value < 0 ? c.loss : c.gain));
  Plotly.react("years", [
    { ...bar, y: returns, name: "Run", marker: { color: toned }, hovertemplate: "%{y:.2%}<extra>Run</extra>" },
    ...(benchmark.length ? [{ ...bar, y: benchmark, name: "Benchmark", marker: { color: c.muted, opacity: 0.55 },
      hovertemplate: "%{y:.2%}<extra>Benchmark</extra>" }] : []),
  ], layout(c, {
    barmode: "group", bargap: 0.3, hovermode: "x unified", showlegend: benchmark.length > 0,
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    xaxis: axis(c, { type: "category", hoverformat: "%Y" }), yaxis: axis(c, { tickformat: ".1~%", zerolinecolor: c.muted }),
  }), config);
}

function drawFlow(c) {
  const { x, exposure, parts, is_monthly, turnover, costs } = data.flow;
  if (parts.length === 0) return;
  const period = is_monthly ? "%b %Y" : "%Y-%m-%d";
  Plotly.react("flow", [
    { x, y: exposure, type: "scatter", mode: "lines", name: "Exposure", line: { color: c.accent, width: 1, shape: "hv" },
      fill: "tozeroy", fillcolor: c.area, hovertemplate: "%{y:.1%}<extra>Exposure</extra>" },
    { x: parts, y: turnover, type: "bar", name: "Turnover", yaxis: "y2", marker: { color: c.accent, opacity: 0.75 },
      hovertemplate: "%{x|" + period + "}: %{y:.1%}<extra>Turnover</extra>" },
    { x: parts, y: costs, type: "bar", name: "Costs", yaxis: "y3", marker: { color: c.loss, opacity: 0.75 },
      hovertemplate: "%{x|" + period + "}: %{y:,.2f} " + data.currency + "<extra>Costs</extra>" },
  ], layout(c, {
    xaxis: axis(c, { type: "date", anchor: "y3" }),
    yaxis: axis(c, { domain: [0.56, 1], title: { text: "Exposure" }, tickformat: ".0~%", rangemode: "tozero" }),
    yaxis2: axis(c, { domain: [0.29, 0.5], title: { text: "Turnover" }, tickformat: ".0~%", nticks: 4 }),
    yaxis3: axis(c, { domain: [0, 0.22], title: { text: "Costs, " + data.currency }, nticks: 4 }),
  }), config);
}

function drawTrades(c) {
  const { bins, width, counts, mae, mfe, returns, text } = data.trades;
  if (bins.length === 0) return;
  Plotly.react("trade-returns", [{ x: bins, y: counts, width, type: "bar",
    marker: { color: bins.map((middle) => (middle < 0 ? c.loss : c.gain)), opacity: 0.85 },
    hovertemplate: "%{x:.2%}: %{y} trades<extra></extra>" }], layout(c, {
    bargap: 0.04, xaxis: axis(c, { tickformat: ".1~%" }), yaxis: axis(c, { title: { text: "trades" } }),
  }), config);
  const type = returns.length > 500 ? "scattergl" : "scatter";
  const toned = returns.map((value) => (value > 0 ? c.gain : c.loss));
  for (const [id, moves, name, most] of [["mae", mae, "MAE", null], ["mfe", mfe, "MFE", c.muted]]) {
    const end = Math.max(0, ...moves);
    Plotly.react(id, returns.length === 0 ? [] : [
      { x: moves, y: returns, text, type, mode: "markers", marker: { color: toned, size: 6, opacity: 0.7 },
        hovertemplate: "%{text}<br>" + name + " %{x:.2%}, return %{y:.2%}<extra></extra>" },
      { x: [0, end], y: most === null ? [0, -end] : [0, end], type: "scatter", mode: "lines", hoverinfo: "skip",
        line: { color: c.muted, width: 1, dash: "dot" } },
    ], layout(c, {
      hovermode: "closest", xaxis: axis(c, { tickformat: ".1~%", title: { text: name + ", of the notional at entry" } }),
      yaxis: axis(c, { tickformat: ".1~%", title: { text: "return" }, zerolinecolor: c.muted }),
    }), config);
  }
}

function drawReturns(c) {
  const isDrawn = data.returns.length >= FEWEST_RETURNS;
  const flat = data.flat_days;
  const left = flat ? `${flat.toLocaleString("en")} ${flat === 1 ? "day" : "days"} without a change left out.` : "";
  document.getElementById("returns-note").textContent = isDrawn ? left : "Too few days with a change to draw. " + left;
  document.getElementById("returns").hidden = !isDrawn;
  if (!isDrawn) return;
  const histogram = { x: data.returns, type: "histogram", nbinsx: 80, marker: { color: c.accent, opacity: 0.85 },
                      hovertemplate: "%{x}: %{y} days<extra></extra>" };
  Plotly.react("returns", [histogram], layout(c, {
    bargap: 0.04, xaxis: axis(c, { tickformat: ".2~%", hoverformat: ".2%" }),
    yaxis: axis(c, { title: { text: "days" } }),
  }), config);
}

function draw() {
  const c = colours();
  for (const one of [drawCurve, drawStrategies, drawRolling, drawYears, drawPrice, drawFlow, drawReturns, drawTrades]) {
    one(c);
  }
}

// Paper has its own width, and is light.
const PAPER_WIDTH = 680;
function drawOnPaper() {
  document.documentElement.dataset.theme = "light";
  draw();
  for (const chart of document.querySelectorAll(".chart.js-plotly-plot")) Plotly.relayout(chart, { width: PAPER_WIDTH, autosize: false });
}
function drawOnScreen() {
  document.documentElement.dataset.theme = document.getElementById("theme").value;
  for (const chart of document.querySelectorAll(".chart.js-plotly-plot")) Plotly.relayout(chart, { width: null, autosize: true });
  draw();
}

async function unpacked() {
  const packed = atob(document.getElementById("plotly-packed").textContent);
  const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).text();
}

function begin(library) {
  const script = document.createElement("script");
  script.textContent = library;
  document.head.append(script);
  for (const id of ["price-symbol", "price-form", "price-log"]) {
    document.getElementById(id).addEventListener("change", () => drawPrice(colours()));
  }
  document.getElementById("curve-log").addEventListener("change", () => drawCurve(colours()));
  document.getElementById("theme").addEventListener("change", drawOnScreen);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  window.addEventListener("beforeprint", drawOnPaper);
  window.addEventListener("afterprint", drawOnScreen);
  draw();
  document.documentElement.dataset.drawn = "yes";
}

if (data.prices.length < 2) document.getElementById("price-choice").hidden = true;
unpacked().then(begin).catch((error) => {
  document.getElementById("no-charts").hidden = false;
  throw error;
});

// One chart: the options that Python made, with the theme's colors, a tooltip and the shared crosshair.
import { echarts } from "nicegui-echart";
import { write, writeTick } from "sidelight-units";

const CROSSHAIR = "sidelight:crosshair";
const MAX_ROWS = 14;
const MIN_DRAG = 8; // pixels: a shorter movement is a click

export const isDark = () => document.documentElement.dataset.theme === "dark";

export function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function clock(ms, span) {
  const time = new Date(ms);
  const two = (n) => String(n).padStart(2, "0");
  const day = `${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const minute = `${two(time.getHours())}:${two(time.getMinutes())}`;
  if (span === undefined) return `${time.getFullYear()}-${day} ${minute}:${two(time.getSeconds())}`;
  if (span > 2 * 86_400_000) return day;
  if (span > 86_400_000) return `${day} ${minute}`;
  return span < 600_000 ? `${minute}:${two(time.getSeconds())}` : minute;
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];

// Round local times, at a distance that leaves room for their texts.
function timeTicks(from, to, width) {
  const room = Math.max(2, Math.floor(width / (to - from > 86_400_000 ? 100 : 70)));
  const step = 1000 * (STEPS.find((one) => (to - from) / 1000 / one <= room) ?? STEPS[STEPS.length - 1]);
  const shift = new Date(from).getTimezoneOffset() * 60_000;
  const ticks = [];
  for (let at = Math.ceil((from - shift) / step) * step + shift; at <= to; at += step) ticks.push(at);
  return ticks;
}

export class Chart {
  constructor(element, zoomed) {
    this.element = element;
    this.zoomed = zoomed;
    this.chart = echarts.init(element, null, { renderer: "canvas" });
    this.line = element.appendChild(document.createElement("div"));
    this.line.className = "sl-crosshair";
    this.selection = element.appendChild(document.createElement("div"));
    this.selection.className = "sl-selection";
    this.onTime = (event) => this.point(event.detail);
    window.addEventListener(CROSSHAIR, this.onTime);
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(element);
    this.listen();
  }

  dispose() {
    window.removeEventListener(CROSSHAIR, this.onTime);
    this.resizing.disconnect();
    this.chart.dispose();
  }

  resize() {
    const { clientWidth, clientHeight } = this.element;
    if (clientWidth === this.width && clientHeight === this.height) return;
    this.chart.resize();
    if (this.option) this.draw();
  }

  show(option) {
    this.option = option;
    this.draw();
  }

  select(only) {
    this.only = only;
    this.draw();
  }

  draw() {
    [this.width, this.height] = [this.element.clientWidth, this.element.clientHeight];
    const made = this.option.gauge ? this.gauges() : this.cartesian();
    this.chart.setOption(made, { notMerge: true, lazyUpdate: true });
  }

  cartesian() {
    const { option } = this;
    const soft = css("--sl-soft");
    const label = { color: soft, fontSize: 11, fontFamily: css("--sl-font") };
    const lines = { lineStyle: { color: css("--sl-line"), width: 1 } };
    const span = option.xAxis.max - option.xAxis.min;
    const ticks = timeTicks(option.xAxis.min, option.xAxis.max, this.width - 76);
    const room = (at) => ((option.xAxis.max - at) / span) * (this.width - 76) >= 12; // else cut off
    const y = option.yAxis;
    return {
      animation: false,
      dataset: option.dataset,
      grid: { left: 62, right: 14, top: 10, bottom: 24, outerBoundsMode: "none" },
      legend: { show: false, selected: this.selected() },
      xAxis: {
        ...option.xAxis,
        axisLabel: { ...label, customValues: ticks.filter(room), hideOverlap: true, formatter: (ms) => clock(ms, span) },
        axisLine: { show: true, ...lines },
        axisTick: { show: true, length: 0, customValues: ticks },
        splitLine: { show: true, ...lines },
        axisPointer: { label: { show: false } },
      },
      yAxis: {
        ...y,
        axisLabel: { ...label, showMinLabel: true, showMaxLabel: true, formatter: (v) => this.tick(v) },
        splitLine: { show: !option.heat, ...lines },
      },
      series: option.series.map((one) => this.series(one)),
      tooltip: {
        trigger: option.heat ? "item" : "axis",
        confine: false,
        appendTo: () => document.body,
        className: "sl-tooltip",
        backgroundColor: "transparent",
        borderWidth: 0,
        padding: 0,
        extraCssText: "box-shadow:none",
        transitionDuration: 0,
        axisPointer: { type: "line", lineStyle: { color: css("--sl-cross"), type: [4, 4], width: 1 } },
        formatter: (found) => (Array.isArray(found) ? this.tip(found) : this.itemTip(found)),
      },
    };
  }

  tick(value) {
    const { heat, unit, yAxis } = this.option;
    if (!heat) return writeTick(value, unit, yAxis.interval);
    const every = Math.ceil((yAxis.max - yAxis.min) / Math.max(2, Math.floor(this.height / 24)));
    if ((yAxis.max - value) % every) return "";
    return value === 0 ? "0" : (heat.edges[value - 1] ?? "");
  }

  selected() {
    if (!this.only) return {};
    return Object.fromEntries(this.option.legend.map(({ name }) => [name, name === this.only]));
  }

  series(one) {
    if (one.type === "line") {
      const color = readable(one.color);
      return { symbol: "circle", symbolSize: 4, emphasis: { disabled: true }, ...one, color };
    }
    if (one.type === "scatter") {
      return {
        ...one, symbol: "diamond", symbolSize: 8, z: 5, color: this.option.heat?.exemplarColor ?? css("--sl-trace"),
        itemStyle: { borderColor: css("--sl-panel"), borderWidth: 1 }, tooltip: { trigger: "item" },
      };
    }
    return { ...one, encode: { x: 0, y: 1 }, renderItem: (_, api) => this.cell(api), clip: true };
  }

  cell(api) {
    const { heat } = this.option;
    const [left, bottom] = api.coord([api.value(0), api.value(1)]);
    const [right, top] = api.coord([api.value(0) + heat.step, api.value(1) + 1]);
    const colors = isDark() ? heat.darkColors : heat.lightColors;
    const gap = right - left > 4 ? heat.gap : 0;
    return {
      type: "rect",
      shape: { x: left, y: top, width: Math.max(right - left - gap, 1), height: bottom - top - heat.gap },
      style: { fill: colors[api.value(2)] },
    };
  }

  // Gauges, each inside a ring of the thresholds' colors if the panel shows it.
  gauges() {
    const font = css("--sl-font");
    const still = { silent: true, axisTick: { show: false }, splitLine: { show: false }, axisLabel: { show: false }, pointer: { show: false }, anchor: { show: false } };
    const gauge = (one) => ({
      ...one,
      ...still,
      itemStyle: { color: readable(one.color) },
      axisLine: { lineStyle: { width: 14, color: [[1, css("--sl-line")]] } },
      title: { color: css("--sl-soft"), fontSize: 12, fontFamily: font, offsetCenter: [0, "42%"] },
      detail: { color: readable(one.color), fontSize: 24, fontWeight: 500, fontFamily: font, offsetCenter: [0, "8%"], formatter: () => one.data[0].text },
    });
    const ring = (one) => ({
      ...still, type: "gauge", center: one.center, radius: "99%", startAngle: one.startAngle, endAngle: one.endAngle,
      axisLine: { lineStyle: { width: 3, color: one.thresholds.map(([end, color]) => [end, readable(color)]) } },
      progress: { show: false }, detail: { show: false }, data: [],
    });
    return { animation: false, series: this.option.series.flatMap((one) => (one.thresholds.length ? [ring(one), gauge(one)] : [gauge(one)])) };
  }

  // --- tooltips: labels are untrusted, so they become text nodes and never HTML ---

  tip(found) {
    if (!found.length) return "";
    const at = found[0].axisValue;
    const rows = this.option.series
      .filter((one) => one.encode && (!this.only || one.name === this.only))
      .map((one) => ({ name: one.name, color: readable(one.color), value: this.near(one, at) }))
      .filter((row) => row.value !== null)
      .sort((one, other) => other.value - one.value);
    const { unit, decimals, annotations } = this.option;
    const box = tipBox(clock(at));
    for (const row of rows.slice(0, MAX_ROWS)) tipRow(box, row.color, row.name, write(row.value, unit, decimals));
    if (rows.length > MAX_ROWS) tipRow(box, "", `and ${rows.length - MAX_ROWS} more`, "");
    const near = (this.option.xAxis.max - this.option.xAxis.min) / 200;
    for (const one of annotations.filter((one) => one.start - near <= at && at <= one.end + near)) {
      tipRow(box, one.color, `${one.name}: ${one.text}`, clock(one.start).slice(11));
    }
    return box;
  }

  // The value of a series at the nearest time, if that is within one step.
  near(one, at) {
    const { source } = this.option.dataset[one.datasetIndex];
    const times = source.t;
    let [low, high] = [0, times.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] < at) low = middle + 1;
      else high = middle;
    }
    if (low > 0 && at - times[low - 1] < times[low] - at) low -= 1;
    const step = times.length > 1 ? Math.min(times[1] - times[0], times[times.length - 1] - times[times.length - 2]) : 60_000;
    return times.length && Math.abs(times[low] - at) <= step ? source[one.encode.y][low] : null;
  }

  itemTip(found) {
    const { heat, unit, axisUnit } = this.option;
    const { value, labels } = found.data.labels ? found.data : { value: found.value };
    const box = tipBox(clock(value[0]));
    if (labels) {
      tipRow(box, "", "exemplar", write(value[2] ?? value[1], axisUnit ?? unit));
      for (const [name, text] of Object.entries(labels)) tipRow(box, "", name, text);
    } else {
      const [low, high] = [value[1] ? heat.edges[value[1] - 1] : "0", heat.edges[value[1]]];
      tipRow(box, "", `${low} – ${high}`, write(value[3], unit));
    }
    return box;
  }

  // --- the crosshair on every chart; dragging selects a time range ---

  listen() {
    const zr = this.chart.getZr();
    let from = null;
    const time = (x) => this.chart.convertFromPixel({ xAxisIndex: 0 }, x);
    const inside = (e) => this.option && !this.option.gauge && this.chart.containPixel("grid", [e.offsetX, e.offsetY]);
    zr.on("mousemove", (e) => {
      const shown = inside(e);
      tell(shown ? { time: time(e.offsetX), from: this } : { time: null, from: this });
      if (from !== null) this.mark(from, e.offsetX);
    });
    zr.on("globalout", () => tell({ time: null, from: this }));
    zr.on("mousedown", (e) => { from = inside(e) ? e.offsetX : null; });
    zr.on("mouseup", (e) => {
      if (from !== null && Math.abs(e.offsetX - from) >= MIN_DRAG) {
        const ends = [time(from), time(e.offsetX)].sort((one, other) => one - other);
        this.zoomed(Math.round(ends[0]), Math.round(ends[1]));
      }
      from = null;
      this.mark(0, 0);
    });
  }

  mark(one, other) {
    this.selection.style.display = one === other ? "none" : "block";
    this.selection.style.left = `${Math.min(one, other)}px`;
    this.selection.style.width = `${Math.abs(one - other)}px`;
  }

  point({ time, from }) {
    const gone = time === null || from === this || !this.option || this.option.gauge;
    const x = gone ? null : this.chart.convertToPixel({ xAxisIndex: 0 }, time);
    const shown = x !== null && x >= 62 && x <= this.width - 14;
    this.line.style.display = shown ? "block" : "none";
    if (shown) this.line.style.transform = `translateX(${x}px)`;
  }
}

function tell(detail) {
  window.dispatchEvent(new CustomEvent(CROSSHAIR, { detail }));
}

function tipBox(head) {
  const box = document.createElement("div");
  box.className = "sl-tip";
  box.appendChild(document.createElement("b")).textContent = head;
  return box;
}

function tipRow(box, color, name, value) {
  const row = box.appendChild(document.createElement("div"));
  const swatch = row.appendChild(document.createElement("i"));
  if (color) swatch.style.background = color;
  row.appendChild(document.createElement("span")).textContent = name;
  row.appendChild(document.createElement("em")).textContent = value;
}

// In the dark theme a dark color becomes lighter, with the same hue.
export function readable(color, dark = isDark()) {
  if (!dark || !/^#[0-9a-f]{6}$/i.test(color)) return color;
  let parts = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  while (0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] < 105) parts = parts.map((n) => n + (255 - n) * 0.1);
  return `rgb(${parts.map(Math.round).join(",")})`;
}

// Formats numbers as units.py does, by the same table: see `Unit` there.
const DIGITS = 3;
const PLURALS = /^ (mins|hours|days|weeks|years)$/;

export function write(value, unit, decimals) {
  if (value === null || value === undefined) return "-";
  if (Number.isNaN(value)) return "NaN";
  if (unit.texts) return unit.texts[value ? 1 : 0];
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  if (value === 0) return fixed(0, decimals) + unit.zero;
  const fitting = unit.scales.filter(([low]) => low <= Math.abs(value));
  const [, size, suffix] = fitting.length ? fitting[fitting.length - 1] : unit.scales[0];
  const text = fixed(value / size, decimals);
  return text + (text === "1" && PLURALS.test(suffix) ? suffix.slice(0, -1) : suffix);
}

function fixed(value, decimals) {
  const even = Number(value.toPrecision(12));
  const places = decimals ?? autoDecimals(even);
  const text = (Math.floor(Math.abs(even) * 10 ** places + 0.5) / 10 ** places).toFixed(places);
  return even < 0 && Number(text) ? `-${text}` : text;
}

function autoDecimals(value) {
  return value % 1 === 0 ? 0 : Math.max(0, DIGITS - 1 - Math.floor(Math.log10(Math.abs(value))));
}

// The text of a tick, with the decimals that the step of the axis needs.
export function writeTick(value, unit, step) {
  const text = write(value, unit);
  if (unit.texts || value === 0) return text;
  const found = text.match(/^(-?[\d.]+)(.*)$/);
  if (!found) return text;
  const fitting = unit.scales.filter(([low]) => low <= Math.abs(value));
  const size = (fitting.length ? fitting[fitting.length - 1] : unit.scales[0])[1];
  const places = Math.min(Math.max(0, -Math.floor(Math.log10(step / size) + 1e-9) + (isHalf(step / size) ? 1 : 0)), 4);
  return String(Number((value / size).toFixed(places))) + found[2];
}

function isHalf(step) {
  const lead = step / 10 ** Math.floor(Math.log10(step) + 1e-9);
  return Math.abs(lead - 2.5) < 1e-6;
}

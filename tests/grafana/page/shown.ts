// What a panel shows, as texts, colours and links.
import { DataFrameView, FieldType, getDisplayProcessor, getFieldDisplayName, getFieldMatcher, getFieldDisplayValues, type DataFrame, type DisplayValue, type Field, type PanelData } from '@grafana/data';
import { config } from '@grafana/runtime';
import { sceneGraph, SceneQueryRunner, VizPanel } from '@grafana/scenes';

const text = ({ prefix = '', text: middle, suffix = '' }: DisplayValue) => `${prefix}${middle}${suffix}`;

/** A value without its last digits, in which two answers of Prometheus to one query may differ. */
const stable = (value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(12)) : value);

function cell(field: Field, row: number, word?: string) {
  const value = field.values[row];
  const shown = field.display!(stable(value));
  const links = (field.getLinks?.({ valueRowIndex: row }) ?? []).map((one) => one.href);
  const isNothing = value === null || value === undefined || value === '' || Number.isNaN(value);
  const named = isNothing && shown.text !== '' && shown.text !== word;
  return { value, text: text(shown), color: shown.color ?? '', nothing: isNothing, named, links };
}

/** Columns; `word` is what the panel says without data. An empty cell may have a text of its own instead. */
function table([frame]: DataFrame[], word?: string) {
  const isShown = (field: Field) => !field.config.custom?.hideFrom?.viz;
  return (frame?.fields ?? []).filter(isShown).map((field) => ({
    name: getFieldDisplayName(field, frame),
    type: field.type,
    coloured: ['color-text', 'color-background'].includes(field.config.custom?.cellOptions?.type),
    cells: Array.from({ length: frame.length }, (_, row) => cell(field, row, word)),
  }));
}

function numbers(panel: VizPanel, { series, request }: PanelData) {
  const { fieldConfig, options } = panel.state as any;
  const found = getFieldDisplayValues({ fieldConfig, reduceOptions: options.reduceOptions, replaceVariables: panel.interpolate, theme: config.theme2, data: series, timeZone: request?.timezone });
  return found.map(({ display, view, colIndex, getLinks, hasLinks }) => ({
    name: display.title ?? '',
    text: options.textMode === 'name' ? display.title ?? '' : text(view?.getFieldDisplayProcessor(colIndex!)?.(stable(display.numeric)) ?? display),
    color: display.color ?? '',
    nothing: display.text === (fieldConfig.defaults.noValue ?? 'No data'),
    links: hasLinks && getLinks ? getLinks({}).map((one) => one.href) : [],
  }));
}

function lines(frames: DataFrame[]) {
  return frames.flatMap((frame) => frame.fields.filter((field) => field.type === FieldType.number).map((field) => {
    const isThere = (one: number | null) => one !== null && !Number.isNaN(one);
    const there = field.values.filter(isThere);
    const times = frame.fields.find((one) => one.type === FieldType.time)!.values;
    const last = field.display!(stable(there.at(-1)));
    const color = field.config.color?.mode === 'fixed' ? last.color : '';
    return { name: getFieldDisplayName(field, frame, frames), values: there, since: times[field.values.findIndex(isThere)] ?? null, text: text(last), color: color ?? '', labels: field.labels ?? {} };
  }));
}

function overrides(panel: VizPanel, frames: DataFrame[]) {
  return panel.state.fieldConfig.overrides.map(({ matcher, properties }) => {
    const meets = getFieldMatcher(matcher);
    const met = frames.flatMap((frame) => frame.fields.filter((field) => meets(field, frame, frames)));
    return { matcher, properties: properties.map((one) => one.id), met: met.length };
  });
}

/** The texts of a table's cells as they are drawn, in the order of its rows. */
function rows(element: Element) {
  const drawn = [...element.querySelectorAll('[role=row]')].map((row) => [...row.querySelectorAll('[role=gridcell]')]);
  return drawn.filter((cells) => cells.length > 0).map((cells) => cells.map((one) => one.textContent!.trim()));
}

/** Whether the title is cut, how many pixels of a table are hidden, and the smallest size of a text. */
function layout(element: Element, content: Element) {
  const grid = element.querySelector('[role=grid]');
  const texts = [...content.querySelectorAll('*')].filter((one) => [...one.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent!.trim()));
  const sizes = texts.map((one) => parseFloat(getComputedStyle(one).fontSize));
  const title = element.querySelector('h2');
  return { cut: Boolean(title && title.scrollWidth > title.clientWidth), hidden: grid ? grid.scrollWidth - grid.clientWidth : 0, smallest: sizes.length > 0 ? Math.round(Math.min(...sizes)) : 0 };
}

const NUMBERS = ['stat', 'gauge', 'bargauge'];

export function shown(panel: VizPanel, element: Element) {
  const raw = sceneGraph.getData(panel).state.data;
  const data = panel.applyFieldConfig(raw);
  const { pluginId, title, options } = panel.state as any;
  const frames = data.series;
  const content = element.querySelector('[data-testid="data-testid panel content"]') ?? element;
  return {
    id: panel.getLegacyPanelId(),
    type: pluginId,
    title: panel.interpolate(title, undefined, 'text'),
    state: String(raw?.state ?? ''),
    errors: [...(data.errors ?? []), ...(data.error ? [data.error] : [])].map((one) => one.message ?? String(one)),
    frames: frames.length,
    columns: pluginId === 'table' ? table(frames, panel.state.fieldConfig.defaults.noValue) : [],
    values: NUMBERS.includes(pluginId) ? numbers(panel, data) : [],
    lines: ['timeseries', 'heatmap'].includes(pluginId) ? lines(frames) : [],
    exemplars: (data.annotations ?? []).filter((one) => one.name === 'exemplar').reduce((sum, one) => sum + one.length, 0),
    overrides: overrides(panel, frames),
    layout: layout(element, content),
    content: content.textContent ?? '',
    word: panel.state.fieldConfig.defaults.noValue ?? 'No data',
    rows: rows(element),
    sorted: options.sortBy?.[0]?.displayName ?? '',
  };
}

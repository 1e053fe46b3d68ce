// Data frames as Grafana's server makes them of what Prometheus answers.
import { type Query } from './steps';

type Labels = Record<string, string>;
type Pair = [number, string];
interface Row {
  metric: Labels;
  value?: Pair;
  values?: Pair[];
}
interface Exemplars {
  seriesLabels: Labels;
  exemplars: { labels: Labels; value: string; timestamp: number }[];
}

/** A frame for each series of a vector or a matrix. */
export function series(query: Query, expr: string, step: number, type: string, rows: Row[]) {
  const about = { executedQueryString: `Expr: ${expr}\nStep: ${step / 1000}s` };
  const frames = rows.map((row) => one(query, expr, step, type, row, about));
  return frames.length > 0 ? frames : [{ schema: { refId: query.refId, meta: about, fields: [] }, data: { values: [] } }];
}

function one(query: Query, expr: string, step: number, type: string, row: Row, about: object) {
  const pairs = row.values ?? [row.value!];
  const name = legend(query, expr, row.metric);
  const config = name ? { displayNameFromDS: name } : {};
  const fields = [
    { name: 'Time', type: 'time', config: { interval: step } },
    { name: row.metric.__name__ ?? 'Value', type: 'number', labels: row.metric, config },
  ];
  const kind = type === 'matrix' ? 'timeseries-multi' : 'numeric-multi';
  const meta = { ...about, type: kind, typeVersion: [0, 1], custom: { resultType: type } };
  const values = [pairs.map(([at]) => at * 1000), pairs.map(([, text]) => number(text))];
  return { schema: { refId: query.refId, meta, fields }, data: { values } };
}

/** All exemplars in one frame, with a field for each label. */
export function exemplars(query: Query, found: Exemplars[]) {
  const rows = found.flatMap(({ seriesLabels, exemplars }) =>
    exemplars.map((one) => ({ ...one, labels: { ...seriesLabels, ...one.labels } }))
  );
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.labels)))].sort();
  const fields = [
    { name: 'Time', type: 'time' },
    { name: 'Value', type: 'number' },
    ...names.map((name) => ({ name, type: 'string' })),
  ];
  const values = [
    rows.map((row) => row.timestamp * 1000),
    rows.map((row) => number(row.value)),
    ...names.map((name) => rows.map((row) => row.labels[name] ?? '')),
  ];
  const meta = { custom: { resultType: 'exemplar' } };
  return rows.length > 0 ? [{ schema: { refId: query.refId, name: 'exemplar', meta, fields }, data: { values } }] : [];
}

function number(text: string): number {
  return Number(text.replace('Inf', 'Infinity'));
}

function legend(query: Query, expr: string, labels: Labels): string {
  const format = query.legendFormat;
  if (format === '__auto' && Object.keys(labels).length > 0) {
    return '';
  }
  if (format && format !== '__auto') {
    return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, name: string) => labels[name] ?? '');
  }
  const { __name__: name = '', ...others } = labels;
  const pairs = Object.entries(others).sort().map(([key, value]) => `${key}="${value}"`);
  return pairs.length > 0 ? `${name}{${pairs.join(', ')}}` : name || expr;
}

// The step of a query, and the windows that stand in for $__rate_interval and its like, as
// Grafana's server chooses them. The server is written in Go and in no npm package.
import { rangeUtil } from '@grafana/data';

const MOST_POINTS = 11_000;
const LEAST_SCRAPES = 4;
const WINDOW = /\$\{?__(rate_interval|interval|range)(_ms|_s)?\b\}?/g;

export interface Query {
  refId: string;
  expr: string;
  interval?: string;
  intervalMs: number;
  maxDataPoints: number;
  instant?: boolean;
  range?: boolean;
  exemplar?: boolean;
  legendFormat?: string;
  utcOffsetSec?: number;
}

/** Milliseconds between two points: what fits the width, but not less than asked for. */
export function step(query: Query, span: number, scrape: string): number {
  const least = query.interval ? rangeUtil.intervalToMs(query.interval) : query.intervalMs || rangeUtil.intervalToMs(scrape);
  const wanted = span / (query.maxDataPoints || 1500);
  const fitting = wanted < least ? least : rangeUtil.roundInterval(wanted);
  return Math.max(fitting, rangeUtil.roundInterval(span / MOST_POINTS));
}

/** The expression that is sent to Prometheus. */
export function filled(query: Query, span: number, scrape: string): string {
  const least = rangeUtil.intervalToMs(query.interval || scrape);
  const windows: Record<string, number> = {
    interval: step(query, span, scrape),
    range: span,
    rate_interval: Math.max(query.intervalMs + least, LEAST_SCRAPES * least),
  };
  return query.expr.replace(WINDOW, (_, name: string, unit?: string) => written(windows[name], unit));
}

function written(milliseconds: number, unit?: string): string {
  if (unit === '_ms') {
    return String(milliseconds);
  }
  return unit === '_s' ? String(Math.round(milliseconds / 1000)) : `${milliseconds}ms`;
}

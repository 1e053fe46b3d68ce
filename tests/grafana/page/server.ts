// The part of Grafana's HTTP API that its packages call, answered from a Prometheus.
import { from, type Observable } from 'rxjs';
import { type BackendSrvRequest, type FetchResponse } from '@grafana/runtime';

import { exemplars, series } from './frames';
import { filled, step, type Query } from './steps';

export interface Sent {
  refId: string;
  path: string;
  expr: string;
  step: number;
}

/** Everything that was asked of Prometheus since the page was opened. */
export const sent: Sent[] = [];

const RESOURCES = /^\/api\/datasources\/uid\/[^/]+\/resources\//;

export class Server {
  constructor(private readonly prometheus: string, private readonly scrape: string) {}

  fetch = <T>(request: BackendSrvRequest): Observable<FetchResponse<T>> => from(this.answer(request)) as Observable<FetchResponse<T>>;

  private async answer(request: BackendSrvRequest) {
    const data = await this.data(request);
    return { data, status: 200, ok: true, statusText: 'OK', headers: new Headers(), url: request.url, type: 'basic', redirected: false, config: request };
  }

  private async data(request: BackendSrvRequest): Promise<unknown> {
    if (request.url.startsWith('/api/ds/query')) {
      return this.queries(request.data);
    }
    if (!RESOURCES.test(request.url)) {
      throw new Error(`no answer to ${request.url}`);
    }
    const form = new URLSearchParams({ ...request.params, ...request.data });
    const address = `${this.prometheus}/${request.url.replace(RESOURCES, '')}`;
    const answer = await fetch(address + (address.includes('?') ? '&' : '?') + form);
    return answer.json();
  }

  private async queries(data: { queries: Query[]; from: string; to: string }) {
    const range = [Number(data.from), Number(data.to)] as const;
    const found = data.queries.map(async (query) => [query.refId, await this.query(query, range)]);
    return { results: Object.fromEntries(await Promise.all(found)) };
  }

  private async query(query: Query, [start, end]: readonly [number, number]) {
    const width = step(query, end - start, this.scrape);
    const expr = filled(query, end - start, this.scrape);
    const ask = (path: string, times: Record<string, number>) => this.ask(query.refId, path, expr, width, times);
    const frames = [];
    try {
      if (query.range || !query.instant) {
        const offset = (query.utcOffsetSec ?? 0) * 1000;
        const aligned = (at: number) => (Math.floor((at + offset) / width) * width - offset) / 1000;
        const { resultType, result } = await ask('query_range', { start: aligned(start), end: aligned(end), step: width / 1000 });
        frames.push(...series(query, expr, width, resultType, result));
      }
      if (query.instant) {
        const { resultType, result } = await ask('query', { time: end / 1000 });
        frames.push(...series(query, expr, width, resultType, result));
      }
      if (query.exemplar) {
        frames.push(...exemplars(query, await ask('query_exemplars', { start: start / 1000, end: end / 1000 })));
      }
    } catch (error) {
      return { status: 400, error: String(error), frames };
    }
    return { status: 200, frames };
  }

  private async ask(refId: string, path: string, expr: string, width: number, times: Record<string, number>) {
    sent.push({ refId, path, expr, step: width });
    const form = new URLSearchParams({ query: expr, ...Object.fromEntries(Object.entries(times).map(([key, at]) => [key, String(at)])) });
    const answer = await (await fetch(`${this.prometheus}/api/v1/${path}`, { method: 'POST', body: form })).json();
    if (answer.status !== 'success') {
      throw new Error(answer.error);
    }
    return answer.data;
  }
}

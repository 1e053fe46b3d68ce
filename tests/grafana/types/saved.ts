// The types of what a dashboard's JSON holds: @grafana/schema's, made exact, with its enums as texts.
import type * as schema from '@grafana/schema';
import { type PrometheusAnnotation, type PrometheusQuery, type QueryVariable } from './query';

/** A type without enums: JSON has their values. */
export type Saved<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T : T extends object ? { [K in keyof T]: Saved<T[K]> } : T;

type Standard = Omit<schema.FieldConfig, 'custom'>;
type Of<T, Prefix extends string> = { [K in keyof T & string]-?: { id: `${Prefix}${K}`; value: T[K] } }[keyof T & string];
interface FieldConfig<Custom> {
  defaults: Standard & { custom?: Custom };
  overrides: { matcher: schema.MatcherConfig; properties: (Of<Standard, ''> | Of<Custom, 'custom.'>)[] }[];
}
type Kept = Omit<schema.Panel, 'options' | 'fieldConfig' | 'targets' | 'datasource'>;

export type Panel<Options, Custom> = Saved<
  Kept & { options?: Partial<Options>; fieldConfig?: FieldConfig<Partial<Custom>>; targets?: PrometheusQuery[]; datasource?: schema.DataSourceRef }
>;
export type Row = Saved<Omit<schema.RowPanel, 'panels'>>;

interface Lists {
  annotations: { list: PrometheusAnnotation[] };
  templating: { list: QueryVariable[] };
}
export type Rest = Saved<Omit<schema.Dashboard, 'panels' | keyof Lists> & Lists>;

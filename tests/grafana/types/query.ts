// Queries, annotations and variables of Prometheus, whose types @grafana/schema does not have.
import type * as schema from '@grafana/schema';

export interface PrometheusQuery extends schema.DataQuery {
  expr: string;
  instant?: boolean;
  range?: boolean;
  exemplar?: boolean;
  format?: 'time_series' | 'table' | 'heatmap';
  interval?: string;
  legendFormat?: string;
  editorMode?: 'code' | 'builder';
}

export interface PrometheusAnnotation extends schema.AnnotationQuery<PrometheusQuery> {
  expr?: string;
  step?: string;
  titleFormat?: string;
  textFormat?: string;
  tagKeys?: string;
  useValueForTime?: string | boolean;
}

/** The text of a variable's query, as the list of variables shows it. */
export interface QueryVariable extends schema.VariableModel {
  definition?: string;
}

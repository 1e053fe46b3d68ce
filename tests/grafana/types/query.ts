// Queries and annotations of Prometheus, whose types @grafana/schema does not have.
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

// What Grafana's packages expect of the application around them: a server, a data source, the
// registries of units, matchers and transformations, and an interpolation of variables.
import {
  dataLinksOverrideProcessor,
  dateTime,
  displayNameOverrideProcessor,
  EventBusSrv,
  type FieldConfigPropertyItem,
  FieldType,
  identityOverrideProcessor,
  LoadingState,
  locationUtil,
  numberOverrideProcessor,
  standardFieldConfigEditorRegistry,
  standardTransformers,
  standardTransformersRegistry,
  stringOverrideProcessor,
  thresholdsOverrideProcessor,
  valueMappingsOverrideProcessor,
  type DataFrame,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceApi,
  type DataSourceInstanceSettings,
  type ScopedVars,
} from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { PrometheusDatasource } from '@grafana/prometheus';
import {
  config,
  setAppEvents,
  setBackendSrv,
  setDataSourceSrv,
  setEchoSrv,
  setPluginImportUtils,
  setRunRequest,
  setTemplateSrv,
  toDataQueryError,
} from '@grafana/runtime';
import { sceneGraph, type SceneObject } from '@grafana/scenes';
import { catchError, from, map, of } from 'rxjs';

import { importPanelPlugin } from './plugins';
import { Server } from './server';

const UID = 'prom';

/** Has to be called once, before anything is shown; the metrics of a time range become known. */
export async function start(prometheus: string, scrape: string, from: string, to: string): Promise<void> {
  await initPluginTranslations('grafana', []);
  const settings = dataSource(scrape);
  const source = new PrometheusDatasource(settings, templates as never);
  setTemplateSrv(templates as never);
  setBackendSrv(new Server(prometheus, scrape) as never);
  setDataSourceSrv({ get: async () => source, getList: () => [settings], getInstanceSettings: () => settings, reload: async () => {}, registerRuntimeDataSource: () => {} } as never);
  setEchoSrv({ flush: () => {}, addBackend: () => {}, addEvent: () => {} });
  setAppEvents(new EventBusSrv());
  setPluginImportUtils({ importPanelPlugin, getPanelPluginFromCache: () => undefined });
  setRunRequest(run as never);
  const noVariables = { getTimeRangeForUrl: () => ({ from: 'now-1h', to: 'now' }), getVariablesUrlParams: () => ({}) };
  locationUtil.initialize({ config, ...noVariables } as never);
  standardFieldConfigEditorRegistry.setInit(standardOptions);
  standardTransformersRegistry.setInit(transformations as never);
  // As if the editor of a query had been opened: with the names of metrics known, exemplars differ.
  const times = { from: dateTime(from), to: dateTime(to) };
  await source.languageProvider.start({ ...times, raw: times });
}

function dataSource(scrape: string): DataSourceInstanceSettings {
  const meta = { id: 'prometheus', name: 'Prometheus', type: 'datasource', info: { logos: {}, version: '' } };
  return { id: 1, uid: UID, name: 'Prometheus', type: 'prometheus', access: 'proxy', url: '', readOnly: true, isDefault: true, meta, jsonData: { timeInterval: scrape, httpMethod: 'POST' } } as never;
}

const templates = {
  getVariables: () => [],
  updateTimeRange: () => {},
  containsTemplate: (text = '') => text.includes('$'),
  replace: (text = '', scoped?: ScopedVars, format?: string) => {
    const scene = scoped?.__sceneObject?.value.valueOf() as SceneObject | undefined;
    return scene ? sceneGraph.interpolate(scene, text, scoped, format) : text;
  },
};

function run(source: DataSourceApi, request: DataQueryRequest, query?: typeof source.query) {
  const answer = from((query ?? source.query.bind(source))(request)) as ReturnType<typeof from<Promise<DataQueryResponse>>>;
  const about = { request, timeRange: request.range };
  return answer.pipe(
    map((found) => {
      const frames: DataFrame[] = found.data;
      const isNote = (one: DataFrame) => one.meta?.dataTopic === 'annotations';
      const errors = found.errors ?? (found.error ? [found.error] : []);
      const state = errors.length > 0 ? LoadingState.Error : LoadingState.Done;
      return { ...about, state, errors, error: errors[0], series: frames.filter((one) => !isNote(one)), annotations: frames.filter(isNote) };
    }),
    catchError((error) => of({ ...about, state: LoadingState.Error, series: [], error: toDataQueryError(error) }))
  );
}

function transformations() {
  return [...new Map(Object.values(standardTransformers).map((one) => [String(one.id), one])).values()].map((one) => ({ id: one.id, name: one.name, transformation: async () => one, editor: () => null }));
}

function standardOptions(): FieldConfigPropertyItem[] {
  const numbers = (field: { type: FieldType }) => field.type === FieldType.number;
  const processed: Record<string, unknown> = {
    displayName: displayNameOverrideProcessor,
    unit: stringOverrideProcessor,
    min: numberOverrideProcessor,
    max: numberOverrideProcessor,
    decimals: numberOverrideProcessor,
    noValue: stringOverrideProcessor,
    links: dataLinksOverrideProcessor,
    color: identityOverrideProcessor,
    mappings: valueMappingsOverrideProcessor,
    thresholds: thresholdsOverrideProcessor,
    description: stringOverrideProcessor,
  };
  return Object.entries(processed).map(([id, process]) => ({
    id, path: id, name: id, process, editor: () => null, override: () => null, settings: { expandTemplateVars: true },
    shouldApply: ['min', 'max', 'decimals'].includes(id) ? numbers : () => true,
  })) as never;
}

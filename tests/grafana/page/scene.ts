// A dashboard's JSON as the scene that Grafana makes of it.
import {
  behaviors,
  DataSourceVariable,
  EmbeddedScene,
  QueryVariable,
  SceneDataTransformer,
  SceneGridItem,
  SceneGridLayout,
  SceneGridRow,
  SceneQueryRunner,
  SceneTimeRange,
  SceneVariableSet,
  VariableValueSelectors,
  VizPanel,
  type SceneVariable,
} from '@grafana/scenes';

/** How the keys of panels in closed rows begin. */
export const CLOSED = 'closed-';

export interface Chosen {
  from: string;
  to: string;
  variables: Record<string, string[]>;
}

export function scene(board: any, { from, to, variables }: Chosen): EmbeddedScene {
  const items = board.panels.map((panel: any) => (panel.type === 'row' ? heading(panel) : item(panel)));
  return new EmbeddedScene({
    $timeRange: new SceneTimeRange({ from, to, timeZone: 'utc' }),
    $variables: new SceneVariableSet({ variables: board.templating.list.map((one: any) => variable(one, variables[one.name])) }),
    $behaviors: [new behaviors.CursorSync({ sync: board.graphTooltip })],
    controls: [new VariableValueSelectors({})],
    body: new SceneGridLayout({ isLazy: false, children: items }),
  });
}

function heading(row: any): SceneGridRow {
  return new SceneGridRow({ key: `panel-${row.id}`, title: row.title, y: row.gridPos.y, isCollapsed: row.collapsed, children: row.panels.map(closed) });
}

/** A panel of a closed row, which asks for nothing. */
function closed({ id, type, title, gridPos }: any): SceneGridItem {
  return new SceneGridItem({ x: gridPos.x, y: gridPos.y, width: gridPos.w, height: gridPos.h, body: new VizPanel({ key: `${CLOSED}${id}`, pluginId: type, title }) });
}

function item({ gridPos, ...panel }: any): SceneGridItem {
  return new SceneGridItem({ x: gridPos.x, y: gridPos.y, width: gridPos.w, height: gridPos.h, body: vizPanel(panel) });
}

function vizPanel(panel: any): VizPanel {
  return new VizPanel({
    key: `panel-${panel.id}`,
    pluginId: panel.type,
    title: panel.title,
    description: panel.description,
    options: panel.options ?? {},
    fieldConfig: panel.fieldConfig,
    displayMode: panel.transparent ? 'transparent' : 'default',
    $data: panel.targets?.length ? data(panel) : undefined,
  });
}

function data(panel: any): SceneDataTransformer {
  const runner = new SceneQueryRunner({
    datasource: panel.datasource,
    queries: panel.targets,
    maxDataPoints: panel.maxDataPoints,
    maxDataPointsFromWidth: true,
    minInterval: panel.interval,
  });
  return new SceneDataTransformer({ $data: runner, transformations: panel.transformations ?? [] });
}

function variable(one: any, chosen?: string[]): SceneVariable {
  const common = { name: one.name, label: one.label, description: one.description, hide: one.hide, skipUrlSync: one.skipUrlSync, regex: one.regex };
  const many = { isMulti: one.multi, includeAll: one.includeAll, allValue: one.allValue || undefined, defaultToAll: Boolean(one.includeAll) };
  const current = { value: chosen ?? one.current?.value ?? '', text: chosen ?? one.current?.text ?? '' };
  if (one.type === 'datasource') {
    return new DataSourceVariable({ ...common, pluginId: one.query, value: 'prom', text: 'Prometheus' });
  }
  if (one.type !== 'query') {
    throw new Error(`variable ${one.name}: a type that is not drawn here: ${one.type}`);
  }
  const made = new QueryVariable({ ...common, ...many, ...current, query: one.query, datasource: one.datasource, sort: one.sort, refresh: one.refresh, definition: one.definition });
  // As Grafana does with a value from the address, so that one that is gone does not become All.
  made.skipNextValidation = chosen !== undefined;
  return made;
}

// Grafana's panel plugins are in no npm package: here are stand-ins that draw with @grafana/ui.
import { FieldConfigProperty, identityOverrideProcessor, PanelPlugin, type PanelPluginMeta } from '@grafana/data';

import { components } from './panels';

const LINE = {
  drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: 0, gradientMode: 'none', pointSize: 5, showPoints: 'auto',
  spanNulls: false, axisPlacement: 'auto', axisLabel: '', axisColorMode: 'text', axisBorderShow: false, axisCenteredZero: false,
  lineStyle: { fill: 'solid' }, scaleDistribution: { type: 'linear' }, stacking: { mode: 'none', group: 'A' },
  hideFrom: { legend: false, tooltip: false, viz: false }, thresholdsStyle: { mode: 'off' }, barAlignment: 0,
};
const HIDE_FROM = { legend: false, tooltip: false, viz: false };
const CELL = { hideFrom: HIDE_FROM, align: 'auto', cellOptions: { type: 'auto' }, inspect: false, filterable: false, width: undefined, minWidth: undefined };
const HEATMAP = { hideFrom: { legend: false, tooltip: false, viz: false }, scaleDistribution: { type: 'linear' } };
const CUSTOM: Record<string, Record<string, unknown>> = { timeseries: LINE, table: CELL, heatmap: HEATMAP };

export async function importPanelPlugin(id: string): Promise<PanelPlugin> {
  const plugin = new PanelPlugin(components[id] ?? components.unknown);
  plugin.meta = { id, name: id, skipDataQuery: id === 'text' || id === 'row', info: { version: '13.2.3', logos: {} } } as unknown as PanelPluginMeta;
  return plugin.useFieldConfig({
    standardOptions: id === 'timeseries' ? { [FieldConfigProperty.Color]: { defaultValue: { mode: 'palette-classic' } } } : {},
    useCustomConfig: (builder) => {
      for (const [path, defaultValue] of Object.entries(CUSTOM[id] ?? {})) {
        builder.addCustomEditor({
          id: path, path, name: path, defaultValue, editor: () => null, override: () => null,
          process: identityOverrideProcessor, shouldApply: () => true,
        } as never);
      }
    },
  }).setDataSupport({ annotations: true, alertStates: false });
}

// What stands in for Grafana's panels: its own components of @grafana/ui, fed as it feeds them.
import {
  cacheFieldDisplayNames,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  renderTextPanelMarkdown,
  VizOrientation,
  type DataFrame,
  type FieldDisplay,
  type PanelProps,
} from '@grafana/data';
import { config } from '@grafana/runtime';
import { BarGauge, BigValue, DataLinksContextMenu, TimeSeries, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { type ComponentType } from 'react';

type Props = PanelProps<any>;

/** What Grafana writes in a panel without data. */
export function Nothing({ fieldConfig }: Pick<Props, 'fieldConfig'>) {
  return <div className="nothing">{fieldConfig?.defaults.noValue ?? 'No data'}</div>;
}

export function values({ fieldConfig, options, replaceVariables, data, timeZone }: Props): FieldDisplay[] {
  return getFieldDisplayValues({ fieldConfig, reduceOptions: options.reduceOptions, replaceVariables, theme: config.theme2, data: data.series, timeZone });
}

function isEmpty(frames: DataFrame[]): boolean {
  return frames.every((frame) => frame.fields.length === 0 || frame.length === 0);
}

function Table(props: Props) {
  const [frame] = props.data.series;
  if (!frame || frame.fields.length === 0) {
    return <Nothing {...props} />;
  }
  const { options, width, height, fieldConfig, timeRange } = props;
  cacheFieldDisplayNames(props.data.series);
  return (
    <TableNG data={frame} width={width} height={height} noHeader={!options.showHeader} showTypeIcons={options.showTypeIcons} resizable
      sortBy={options.sortBy} cellHeight={options.cellHeight} timeRange={timeRange} fieldConfig={fieldConfig} enableVirtualization={false}
      noValue={fieldConfig.defaults.noValue} />
  );
}

function Big({ value, width, height, options, alignmentFactors, count }: any) {
  return (
    <BigValue value={value.display} width={width} height={height} colorMode={options.colorMode ?? 'value'} graphMode={options.graphMode ?? 'none'}
      justifyMode={options.justifyMode ?? 'auto'} textMode={options.textMode} alignmentFactors={alignmentFactors} count={count} theme={config.theme2}
      wideLayout={options.wideLayout} />
  );
}

function Bar({ value, width, height, options, alignmentFactors }: any) {
  return (
    <BarGauge value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex)} width={width} height={height}
      orientation={options.orientation ?? VizOrientation.Auto} displayMode={options.displayMode} showUnfilled={options.showUnfilled}
      valueDisplayMode={options.valueMode} namePlacement={options.namePlacement} alignmentFactors={alignmentFactors} theme={config.theme2} />
  );
}

function repeated(One: ComponentType<any>) {
  return function Repeated(props: Props) {
    const { options, data, width, height, renderCounter } = props;
    const linked = (shown: any) => {
      const drawn = <One {...shown} options={options} />;
      const { hasLinks, getLinks } = shown.value;
      return hasLinks && getLinks ? <DataLinksContextMenu links={getLinks} style={{ height: '100%' }}>{() => drawn}</DataLinksContextMenu> : drawn;
    };
    return (
      <VizRepeater getValues={() => values(props)} getAlignmentFactors={getDisplayValueAlignmentFactors} renderValue={linked} source={data} width={width}
        height={height} renderCounter={renderCounter} itemSpacing={3} autoGrid orientation={options.orientation} />
    );
  };
}

function Lines(props: Props) {
  const { data, width, height, timeRange, timeZone, options } = props;
  if (isEmpty(data.series)) {
    return <Nothing {...props} />;
  }
  return <TimeSeries frames={data.series} structureRev={data.structureRev} width={width} height={height} timeRange={timeRange} timeZone={timeZone} legend={options.legend} options={options} />;
}

function Heatmap(props: Props) {
  return isEmpty(props.data.series) ? <Nothing {...props} /> : <div className="heatmap">a heatmap: no package has Grafana's</div>;
}

function Text({ options, replaceVariables }: Props) {
  return <div className="text" dangerouslySetInnerHTML={{ __html: renderTextPanelMarkdown(replaceVariables(options.content)) }} />;
}

export const components: Record<string, ComponentType<Props>> = {
  table: Table,
  stat: repeated(Big),
  gauge: repeated(Big),
  bargauge: repeated(Bar),
  timeseries: Lines,
  heatmap: Heatmap,
  text: Text,
  unknown: ({ id }) => <div className="unknown">{id}</div>,
};

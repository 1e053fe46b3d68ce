// `unknown` says which of the given names a version of @grafana/data does not know.
import * as newest from '@grafana/data';
import * as of11 from '@grafana/data-11.6';
import * as of12 from '@grafana/data-12.4';

const versions: Record<string, typeof newest> = { '11.6': of11 as never, '12.4': of12 as never, '13.2': newest };

function known(data: typeof newest): Record<string, (string | undefined)[]> {
  return {
    unit: data.getValueFormats().flatMap((group) => group.submenu.map((unit) => unit.value)),
    transformation: Object.values(data.standardTransformers).map((one) => one.id),
    matcher: data.fieldMatchers.list().map((one) => one.id),
    reducer: data.fieldReducers.list().map((one) => one.id),
    colour: data.fieldColorModeRegistry.list().map((one) => one.id),
  };
}

function unknown(version: string, kind: string, names: string[]): string[] {
  const list = known(versions[version])[kind];
  return names.filter((one) => !list.includes(one));
}

Object.assign(window, { unknown });

// The page: `show` draws a dashboard and returns what each of its panels shows.
import { createTheme } from '@grafana/data';
import { config } from '@grafana/runtime';
import { QueryVariable, SceneObject, sceneGraph, VizPanel } from '@grafana/scenes';
import { GlobalStyles } from '@grafana/ui';
import { createRoot, type Root } from 'react-dom/client';
import { BrowserRouter } from 'react-router-dom';

import { CLOSED, scene, type Chosen } from './scene';
import { sent } from './server';
import { start } from './services';
import { shown } from './shown';

let root: Root | undefined;

async function show(board: any, chosen: Chosen) {
  root?.unmount();
  root = createRoot(document.getElementById('root')!);
  sent.length = 0;
  const made = scene(board, chosen);
  root.render(<BrowserRouter><GlobalStyles /><made.Component model={made} /></BrowserRouter>);
  const all = sceneGraph.findAllObjects(made, (one: SceneObject) => one instanceof VizPanel) as VizPanel[];
  const panels = all.filter((one) => !one.state.key!.startsWith(CLOSED));
  await until(() => panels.every(isReady));
  const variables = sceneGraph.getVariables(made).state.variables.filter((one) => one instanceof QueryVariable) as QueryVariable[];
  return {
    variables: variables.map(({ state }) => ({ name: state.name, options: state.options.map((one) => String(one.value)) })),
    panels: panels.map((one) => shown(one, document.querySelector(`[data-viz-panel-key="${one.state.key}"]`)!)),
    sent: [...sent],
  };
}

function isReady(panel: VizPanel): boolean {
  const data = sceneGraph.getData(panel).state.data;
  return Boolean(panel.getPlugin()) && (!panel.state.$data || ['Done', 'Error'].includes(String(data?.state)));
}

async function until(check: () => boolean) {
  while (!check()) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
}

config.theme2 = createTheme();
Object.assign(window, { start, show });

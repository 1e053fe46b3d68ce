// Makes the scripts of the page with Grafana's packages: node bundle.mjs FOLDER-OF-PACKAGES FOLDER
import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

const [folder, outdir] = process.argv.slice(2).map((path) => resolve(path));
const { build } = createRequire(`${folder}/`)('esbuild');

// This package imports names of Grafana's packages that only other versions export, and looks
// whether they are there. A bundler of modules only accepts that of a namespace.
const IMPORTS = /import \{([^}]*)\} from ('@grafana\/[^']*');/g;
let count = 0;
const compatible = {
  name: 'compatible',
  setup(made) {
    made.onLoad({ filter: /plugin-compat\/dist\/esm\/.*\.mjs$/ }, async ({ path }) => {
      const contents = (await readFile(path, 'utf8')).replace(IMPORTS, (_, names, from) => {
        const all = `all${(count += 1)}`;
        return `import * as ${all} from ${from}; const {${names.replaceAll(' as ', ': ')}} = ${all};`;
      });
      return { contents };
    });
  },
};

await build({
  entryPoints: ['main.tsx', 'registries.ts'].map((name) => resolve(import.meta.dirname, 'page', name)),
  outdir,
  bundle: true,
  jsx: 'automatic',
  nodePaths: [`${folder}/node_modules`],
  define: { 'process.env.NODE_ENV': '"production"' },
  loader: { '.svg': 'text', '.png': 'dataurl', '.ttf': 'empty' },
  logLevel: 'error',
  // Links of @grafana/ui: Grafana has two versions of the router in one page.
  alias: { 'react-router-dom-v5-compat': 'react-router-dom' },
  plugins: [compatible],
});

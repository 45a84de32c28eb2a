// `npm run build:page` builds the web dashboard from `dashboard/` into `dist/dashboard`, from where the admin server takes it. With
// `--serve` it serves the sources instead, and takes the figures from the admin server of a running proxy (`--admin HOST:PORT`).

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, createServer, type InlineConfig } from 'vite';

const root = join(import.meta.dirname, '..');

const settings: InlineConfig = {
  root: join(root, 'dashboard'),
  configFile: false,
  envDir: false,
  publicDir: false,
  // Works behind another server under any path.
  base: './',
  cacheDir: join(root, 'node_modules/.cache/vite'),
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: join(root, 'dist/dashboard'),
    emptyOutDir: true,
    // The page loads one script, which needs no help in finding others.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    // The licences of the packages in the page, which those require of a distributor.
    license: { fileName: 'licences.md' },
    reportCompressedSize: false,
    // A busy machine is no news.
    rolldownOptions: { checks: { bundlerTimings: false } },
  },
};

const { values: options } = parseArgs({
  options: {
    serve: { type: 'boolean', default: false },
    admin: { type: 'string', default: '127.0.0.1:9901' },
  },
});

if (options.serve) await serve(`http://${options.admin}`);
else await build({ ...settings, logLevel: 'warn' });

/** @param proxy the origin of the admin server, which takes requests for changes from its own pages only */
async function serve(proxy: string): Promise<void> {
  const server = await createServer({
    ...settings,
    server: { proxy: { '/api': { target: proxy, changeOrigin: true, headers: { origin: proxy } } } },
  });
  await server.listen();
  server.printUrls();
}

// How Rspress builds the site from the pages that scripts/site/staged-site.ts has written. Run by `npm run docs`.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from '@rspress/core';

const here = import.meta.dirname;
const build = join(here, '../build');
const { base, sidebar } = JSON.parse(readFileSync(join(build, 'site-source/settings.json'), 'utf8'));

/** Rspress has no setting for this. `npm run docs -- --check` fails if the built site has the other searcher. */
function replaceSearcher(_, { rspack, appendPlugins }) {
  appendPlugins(
    new rspack.NormalModuleReplacementPlugin(/^\.\/logic\/search\.js$/, join(here, 'page-searcher.mjs')),
  );
}

// oxlint-disable-next-line import/no-default-export -- Rspress reads it
export default defineConfig({
  root: join(build, 'site-source/pages'),
  outDir: join(build, 'site'),
  base,
  title: 'Framegate',
  description:
    'A gRPC reverse proxy that relays HTTP/2 frames end to end and says what is wrong when something is.',
  logoText: 'Framegate',
  globalStyles: join(here, 'styles.css'),
  builderConfig: {
    output: { cleanDistPath: true },
    performance: { printFileSize: false },
    tools: { rspack: replaceSearcher },
  },
  markdown: {
    link: { checkDeadLinks: true },
    shiki: { langAlias: { promql: 'text' } },
  },
  themeConfig: {
    nav: [
      { text: 'README', link: '/project/readme' },
      { text: 'Changelog', link: '/project/changelog' },
    ],
    sidebar: { '/': sidebar },
    lastUpdated: false,
  },
});

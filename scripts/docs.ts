// `npm run docs [-- --serve | --check]`: builds the documentation site in build/site from the Markdown of the project, and shows or checks it.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { installLocked } from './locked-packages.ts';
import { diagramDrawer } from './site/diagrams.ts';
import { checkSite } from './site/site-check.ts';
import { serveSite } from './site/site-server.ts';
import { stageSite } from './site/staged-site.ts';

const USAGE = `Usage: npm run docs -- [options]

Builds the documentation site in build/site.

  --serve        serve it on loopback afterwards, until Ctrl-C
  --port PORT    the port of --serve (8088; 0 takes any free port)
  --check        check every link, anchor and the search index of what was built; exit code 1 if something is wrong
  --base PATH    the path at which it will be served (/)
  --help         show this help
`;

const project = join(import.meta.dirname, '..');
const folder = join(project, 'build/site');

const { values: options } = parseArgs({
  options: {
    serve: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    port: { type: 'string', default: '8088' },
    base: { type: 'string', default: '/' },
  },
});

async function build(base: string): Promise<void> {
  const programs = installLocked(join(project, 'site'));
  const pages = join(project, 'build/site-source/pages');
  stageSite({ project, pages }, base, await diagramDrawer(join(project, 'site')));
  const rspress = join(programs, 'rspress');
  const { status, error } = spawnSync(process.execPath, [rspress, 'build', '-c', 'rspress.config.mjs'], {
    cwd: join(project, 'site'),
    stdio: 'inherit',
    env: { ...process.env, RSPRESS_VERSION_CHECK: 'false' },
  });
  if (status !== 0) throw new Error('the site could not be built', { cause: error });
  console.log(`The site is in ${folder}`);
}

async function main(): Promise<void> {
  if (options.help) {
    process.stdout.write(USAGE);
    return;
  }
  const base = `/${options.base}/`.replaceAll(/\/+/g, '/');
  await build(base);
  if (options.check) {
    const { problems, summary } = checkSite(folder, base);
    for (const problem of problems) console.log(problem);
    console.log(summary);
    if (problems.length > 0) process.exitCode = 1;
  }
  if (options.serve) {
    const url = await serveSite(folder, base, Number(options.port));
    console.log(`Serving it at ${url} until Ctrl-C`);
  }
}

await main();

// `npm run docs [-- --serve | --check]`: builds the documentation site in build/site from the Markdown of the project, and shows or checks it.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { choosePorts } from './chosen-ports.ts';
import { type DocsOptions, readDocsOptions, usage } from './docs-options.ts';
import { installLocked } from './locked-packages.ts';
import { portObstacle } from './port-obstacle.ts';
import { diagramDrawer } from './site/diagrams.ts';
import { checkSite } from './site/site-check.ts';
import { serveSite } from './site/site-server.ts';
import { stageSite } from './site/staged-site.ts';

const USUAL_PORT = 8088;

const project = join(import.meta.dirname, '..');
const folder = join(project, 'build/site');

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

/** Throws if the port that a person asked for is taken, before anything is built for it. */
async function settlePort(port: number | undefined): Promise<number> {
  if (port === 0) return 0;
  const wish = {
    what: 'the site',
    host: '127.0.0.1',
    port: port ?? USUAL_PORT,
    isDemanded: port !== undefined,
  };
  const [chosen] = await choosePorts([wish], new Set(), portObstacle);
  if (chosen.reason !== undefined) console.log(`docs: takes port ${chosen.port}, because ${chosen.reason}`);
  return chosen.port;
}

async function run({ isServed, isChecked, port: wanted, base }: DocsOptions): Promise<number> {
  const port = isServed ? await settlePort(wanted) : undefined;
  await build(base);
  let hasProblems = false;
  if (isChecked) {
    const { problems, summary } = checkSite(folder, base);
    for (const problem of problems) console.log(problem);
    console.log(summary);
    hasProblems = problems.length > 0;
  }
  if (port !== undefined) console.log(`Serving it at ${await serveSite(folder, base, port)} until Ctrl-C`);
  return hasProblems ? 1 : 0;
}

async function main(): Promise<number> {
  const options = readDocsOptions(process.argv.slice(2));
  if (typeof options === 'string') {
    console.error(`docs: ${options}\n\n${usage}`);
    return 1;
  }
  if (!options.isHelp) return run(options);
  process.stdout.write(usage);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`docs: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

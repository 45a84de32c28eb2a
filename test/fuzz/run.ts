// `npm run fuzz`: the engine by itself, against node:http2, and a whole proxy over sockets, for as long as one likes.

import { parseArgs } from 'node:util';
import { runDifferential } from './differential.ts';
import { fuzzEngine, replayFile } from './engine-fuzz.ts';
import { fuzzProxy } from './proxy-fuzz.ts';
import { fuzzWeb, replayWeb } from './web-fuzz.ts';

const usage = `Usage: node test/fuzz/run.ts [options]

  --frames N        frames through the engine (default: 10000000)
  --seconds S       at most so long for each part (default: 3600)
  --seed N          where to begin (default: the time)
  --workers N       threads for the engine (default: 1)
  --only PART       engine, differential, proxy or web; all four unless given
  --differential    the same as --only differential
  --made-up         web: not the known sessions, only those that are made up
  --replay FILE     run what an earlier failure left behind
`;

const PARTS = ['engine', 'differential', 'proxy', 'web'] as const;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      frames: { type: 'string', default: '10000000' },
      seconds: { type: 'string', default: '3600' },
      seed: { type: 'string', default: String(Math.floor(Date.now() / 1000)) },
      workers: { type: 'string', default: '1' },
      only: { type: 'string' },
      differential: { type: 'boolean', default: false },
      'made-up': { type: 'boolean', default: false },
      replay: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  if (values.replay !== undefined) {
    const found = await replayWeb(values.replay);
    return verdict(found ?? [replayFile(values.replay)].filter((problem) => problem !== undefined));
  }
  const only = values.differential ? 'differential' : values.only;
  const seed = Number(values.seed);
  const seconds = Number(values.seconds);
  const problems: string[] = [];
  for (const part of PARTS) {
    if (only !== undefined && only !== part) continue;
    if (part === 'engine')
      problems.push(
        ...(await fuzzEngine({
          frames: Number(values.frames),
          seconds,
          seed,
          workers: Number(values.workers),
        })),
      );
    if (part === 'differential')
      problems.push(...(await runDifferential({ sessions: 1_000_000, seconds, seed }, console.log)));
    if (part === 'web')
      problems.push(...(await fuzzWeb({ seconds, seed, knownFirst: !values['made-up'] }, console.log)));
    if (part === 'proxy') problems.push(...(await fuzzProxy({ seconds, seed }, console.log)));
  }
  return verdict(problems);
}

function verdict(problems: readonly string[]): number {
  for (const problem of problems) console.log(`\nFOUND ${problem}`);
  console.log(problems.length === 0 ? 'nothing found' : `\n${problems.length} found`);
  return problems.length === 0 ? 0 : 1;
}

process.exitCode = await main();

// `npm run test:tokens`: streams whose token expires, an issuer that takes new keys under load, and a client that sends nothing but bad
// tokens, each with whole proxies. Exit code 1 if something is not as promised.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { keySetText, signingKey } from '../support/token-issuer.ts';
import { expiry } from './expiry.ts';
import { flood } from './flood.ts';
import { GuardedService } from './guarded-proxy.ts';
import { rotationByFile, rotationByUrl } from './rotation.ts';

const usage = `Usage: npm run test:tokens -- [options]

  --only NAMES      of expiry,rotation,flood
  --rotations N     of keys by URL, 31 seconds each, and of three times as many by file (default: 2)
  --rounds N        of the flood (default: 5)
  --seconds N       of each of the three parts of a round (default: 4)
  --most-ratio N    by which the p99 of others may grow in the flood (default: 2)
`;

async function expiryOn(service: GuardedService): Promise<readonly string[]> {
  const key = signingKey('expiring');
  const jwks = join(service.folder, 'expiring-keys.json');
  writeFileSync(jwks, keySetText([key]));
  const proxy = await service.startProxy({ jwks, workers: 2 });
  return expiry(proxy.port('clear'), key);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: 'expiry,rotation,flood' },
      rotations: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '4' },
      'most-ratio': { type: 'string', default: '2' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const chosen = values.only.split(',');
  const rotations = Number(values.rotations);
  const service = await GuardedService.start();
  try {
    const beside: Promise<readonly string[]>[] = [];
    if (chosen.includes('expiry')) beside.push(expiryOn(service));
    if (chosen.includes('rotation'))
      beside.push(rotationByUrl(service, rotations), rotationByFile(service, 3 * rotations));
    const faults = (await Promise.all(beside)).flat();
    // Alone: it measures.
    if (chosen.includes('flood'))
      faults.push(
        ...(await flood(service, {
          rounds: Number(values.rounds),
          secondsOfPart: Number(values.seconds),
          mostRatio: Number(values['most-ratio']),
        })),
      );
    for (const fault of faults) console.log(`FAILED ${fault}`);
    return faults.length === 0 ? 0 : 1;
  } finally {
    service.close();
  }
}

process.exitCode = await main();

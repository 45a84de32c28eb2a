// `npm run interop:retries`: prints what a client of @grpc/grpc-js and a service saw of retries and deadlines, in each case for which other
// implementations of gRPC have a test; exit code 1 where that differs from what gRPC says.

import { playRetryCases } from '../support/play-retry-cases.ts';
import { RETRY_CASES } from '../support/retry-cases.ts';

const seen = await playRetryCases(RETRY_CASES);
const rows = RETRY_CASES.map(({ what, from, clientSees, serviceSees }, index) => {
  const expected = `${clientSees} | ${serviceSees.join('; ')}`;
  const found = `${seen[index].clientSees} | ${seen[index].serviceSees.join('; ')}`;
  return { what, from, expected, found };
});
process.stdout.write(
  '| case | test of | client saw | service saw, of each attempt: how many before, what it read |\n|---|---|---|---|\n',
);
for (const { what, from, expected, found } of rows)
  process.stdout.write(
    `| ${what} | ${from} | ${found} |${found === expected ? '' : ` **expected: ${expected}** |`}\n`,
  );
const wrong = rows.filter(({ expected, found }) => expected !== found).length;
process.stdout.write(`\n${rows.length} cases, ${wrong} of them not as gRPC has it\n`);
process.exitCode = wrong === 0 ? 0 : 1;

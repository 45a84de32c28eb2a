// The units under a systemd that runs: a small Debian is booted in a container of systemd-nspawn, with its own network, and a
// script in it does what an operator would do.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testCertificate } from '../support/certificates.ts';
import { baseNeeds, root, unpackDebian } from './base-image.ts';
import type { CaseContext, DeployCase } from './cases.ts';
import { asRoot, Background, run } from './commands.ts';
import { unitFolder } from './units.ts';

const bootTimeoutMs = 4 * 60_000;

const config = {
  listeners: [
    {
      name: 'public',
      address: 'systemd:https',
      tls: {
        certificates: [
          {
            cert: '/run/credentials/framegate.service/tls.crt',
            key: '/run/credentials/framegate.service/tls.key',
          },
        ],
      },
    },
  ],
  routes: [{ match: { path: '/*' }, upstream: 'voice' }],
  upstreams: { voice: { endpoints: ['127.0.0.1:50051'] } },
  log: { syslogPrefix: true },
};

/** In place of the example's Python: the demo service, which answers curl with 415. */
const voiceAssistant = `[Service]
ExecStart=/usr/bin/node /opt/framegate/dist/main.js demo
DynamicUser=yes
`;

const operator = `[Unit]
After=multi-user.target
[Service]
Type=oneshot
StandardOutput=file:/operator.log
StandardError=inherit
TimeoutStartSec=200
ExecStart=/bin/bash /operator.sh
ExecStopPost=/bin/systemctl --no-block poweroff
`;

/** Each \`told NAME\` is a line that the case looks at. Waiting is for a state, as long as the unit may take at all. */
const operatorScript = `
told() { echo "$1: $2"; }
show() { systemctl show framegate --value -p "$1"; }
ask() { curl -s -m 60 --cacert /etc/framegate/tls/ca.crt -o /dev/null -w '%{http_code} %{http_version} %{exitcode}\\n' https://localhost/a; }
wait_for() { for _ in $(seq 300); do "$@" && return; sleep 0.2; done; told 'waited in vain' "$*"; }

told before "$(show ActiveState)"
told 'first answer' "$(ask)"
# It serves a moment before systemd has read that it is ready.
wait_for systemctl is-active -q framegate
told state "$(show ActiveState) $(show SubState)"
told status "$(show StatusText)"
pid=$(show MainPID)
told uid "$(awk '/^Uid:/ {print $2}' /proc/$pid/status)"
told capabilities "$(awk '/^Cap(Eff|Prm|Bnd|Amb):/ {printf "%s ", $2}' /proc/$pid/status)"
curl -s -m 60 -o /dev/null http://localhost:443/a
told 'system calls filtered' "$(awk '/^Seccomp:/ {print $2}' /proc/$pid/status)"
told 'key for others' "$(stat -c %a /run/credentials/framegate.service/tls.key)"
logged() { journalctl -u framegate -o cat | grep -q "$1"; }
wait_for logged 'framegate serves'

is_fed() { [ "$(show WatchdogTimestampMonotonic)" -gt "$fed" ]; }
fed=$(show WatchdogTimestampMonotonic); wait_for is_fed
told 'still the same process' "$([ "$(show MainPID)" = "$pid" ] && echo yes)"

systemctl reload framegate; told reload $?
wait_for logged 'configuration reloaded'; wait_for systemctl is-active -q framegate
told 'after reload' "$(show ActiveState) $([ "$(show MainPID)" = "$pid" ] && echo same)"

for client in 1 2 3 4; do ( while [ ! -e /restarted ]; do ask; done >/answers.$client ) & done
sleep 1; systemctl restart framegate; told restart $?; sleep 1; touch /restarted; wait
told 'calls around the restart' "$(cat /answers.* | wc -l)"
told 'their answers' "$(sort -u /answers.* | paste -sd, )"

pid=$(show MainPID); kill -STOP $pid
is_replaced() { [ "$(show MainPID)" != "$pid" ] && [ "$(show ActiveState)" = active ]; }
wait_for is_replaced
told 'replaced by the watchdog' "$(show NRestarts)"
told 'answer after that' "$(ask)"

# More often, and faster, than systemd starts a service by default.
for _ in 1 2 3 4 5 6 7 8; do pid=$(show MainPID); kill -ABRT $pid; wait_for is_replaced; done
told 'answer after eight crashes' "$(ask)"
kill -USR1 $(show MainPID); told 'debugger' "$(grep -ciE '^ *[0-9]+: [0-9A-F]+:240D [^ ]+ 0A' /proc/net/tcp)"

groupadd --system framegate-tls
certificates=/etc/framegate/tls units=/etc/systemd/system
mkdir $certificates/of-group; install -g framegate-tls -m 640 $certificates/*.pem $certificates/of-group
sed -i "s#/run/credentials/framegate.service/tls.crt#$certificates/of-group/fullchain.pem#; s#/run/credentials/framegate.service/tls.key#$certificates/of-group/privkey.pem#" /etc/framegate/config.yaml
cp $units/certificates-of-a-group.conf $units/framegate.service.d/
systemctl daemon-reload; systemctl restart framegate; told 'with a group' "$(ask)"
pid=$(show MainPID)
ask_renewed() { curl -s -m 60 --cacert $certificates/ca.crt -o /dev/null --resolve renewed:443:127.0.0.1 https://renewed/a; }
ask_renewed; told 'before the renewal' $?
install -g framegate-tls -m 640 $certificates/renewed/*.pem $certificates/of-group
wait_for ask_renewed; told renewed $?
told 'renewed by' "$([ "$(show MainPID)" = "$pid" ] && echo 'the same process')"

systemctl stop framegate.socket framegate
told stopped "$(show Result) $(show ExecMainStatus)"
journalctl --sync
by_priority() { journalctl -u framegate -o cat -p "$1" | grep -c "$2"; }
told 'warnings by priority' "$(by_priority warning..warning FG1002)"
told 'calls by priority' "$(by_priority info..info 'exchange finished')"
told 'calls among warnings' "$(by_priority warning 'exchange finished')"
told 'prefixes left' "$(journalctl -u framegate -o cat | grep -c '^<')"
told complaints "$(journalctl -u framegate -o cat | grep -c 'systemd is not told')"
`;

export const bootCases: readonly DeployCase[] = [
  {
    name: 'under a systemd that runs: activated, fed, reloaded, restarted without a refusal, replaced when it hangs, renewed',
    needs: { ...baseNeeds, 'systemd-nspawn': 'systemd-container' },
    needsRoot: true,
    async run(context) {
      const tree = await prepare(context);
      context.tell('booting');
      const binds = [
        `${process.execPath}:/usr/bin/node`,
        `${join(root, 'node_modules')}:/opt/framegate/node_modules`,
      ];
      const system = new Background(
        asRoot(
          'systemd-nspawn',
          '-D',
          tree,
          '--boot',
          '--register=no',
          '--keep-unit',
          '--private-network',
          ...binds.map((bind) => `--bind-ro=${bind}`),
        ),
      );
      context.after(() => system.kill());
      await system.exit(bootTimeoutMs);
      const file = join(tree, 'operator.log');
      if (!existsSync(file)) throw new Error(`the system did not come up:\n${system.output}`);
      const log = readFileSync(file, 'utf8');
      for (const line of log.trimEnd().split('\n')) context.tell(line);
      judge(log);
    },
  },
];

async function prepare({ folder, tell }: CaseContext): Promise<string> {
  const tree = join(folder, 'debian');
  await unpackDebian(tree, tell);
  const files = join(folder, 'files');
  const put = (path: string, text: string) => {
    mkdirSync(join(files, path, '..'), { recursive: true });
    writeFileSync(join(files, path), text);
  };
  const { certPem, keyPem, caPem } = await testCertificate('localhost');
  put('etc/framegate/config.yaml', JSON.stringify(config));
  put('etc/framegate/tls/fullchain.pem', certPem);
  put('etc/framegate/tls/privkey.pem', keyPem);
  put('etc/framegate/tls/ca.crt', caPem);
  const renewed = await testCertificate('localhost', 'renewed');
  put('etc/framegate/tls/renewed/fullchain.pem', renewed.certPem);
  put('etc/framegate/tls/renewed/privkey.pem', renewed.keyPem);
  const units = 'etc/systemd/system';
  for (const name of ['framegate.service', 'framegate.socket', 'certificates-of-a-group.conf']) {
    put(join(units, name), readFileSync(join(unitFolder, name), 'utf8'));
  }
  put(join(units, 'voice-assistant.service'), voiceAssistant);
  put(join(units, 'framegate.service.d/sooner.conf'), '[Service]\nWatchdogSec=4\n');
  put(join(units, 'operator.service'), operator);
  put('operator.sh', operatorScript);
  put('opt/framegate/package.json', readFileSync(join(root, 'package.json'), 'utf8'));
  await run([
    process.execPath,
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    join(root, 'tsconfig.build.json'),
    '--outDir',
    join(files, 'opt/framegate/dist'),
  ]);
  await run(['cp', '-r', join(root, 'proto'), join(files, 'opt/framegate/proto')]);
  await run(asRoot('cp', '-r', '--no-preserve=ownership', `${files}/.`, tree));
  await run(
    asRoot(
      'chmod',
      '600',
      join(tree, 'etc/framegate/tls/privkey.pem'),
      join(tree, 'etc/framegate/tls/renewed/privkey.pem'),
    ),
  );
  const enable = (...args: string[]) => run(asRoot('systemctl', `--root=${tree}`, ...args));
  await enable('enable', 'framegate.socket');
  await enable('add-wants', 'multi-user.target', 'operator.service');
  // Nothing but loopback is there to wait for.
  await enable('mask', 'systemd-networkd-wait-online.service', 'systemd-networkd.service');
  return tree;
}

function judge(log: string): void {
  const told = new Map(
    log.split('\n').map((line) => [line.split(': ', 1)[0], line.slice(line.indexOf(': ') + 2)]),
  );
  const is = (name: string, expected: string | RegExp) => {
    const value = told.get(name) ?? `nothing; all of it:\n${log}`;
    if (typeof expected === 'string') assert.equal(value, expected, name);
    else assert.match(value, expected, name);
  };
  is('before', 'inactive');
  is('first answer', '415 2 0');
  is('state', 'active running');
  is('status', /^serving: \d+ connections?, \d+ calls?$/);
  is('uid', /^6[1-5]\d{3}$/);
  is('capabilities', /^(0{16} ){4}$/);
  is('system calls filtered', '2');
  is('key for others', '400');
  is('still the same process', 'yes');
  is('reload', '0');
  is('after reload', 'active same');
  is('restart', '0');
  is('calls around the restart', /^\d{2,}$/);
  is('their answers', '415 2 0');
  is('replaced by the watchdog', '1');
  is('answer after that', '415 2 0');
  is('answer after eight crashes', '415 2 0');
  is('debugger', '0');
  is('with a group', '415 2 0');
  // curl's code for a name that the certificate does not have.
  is('before the renewal', '60');
  is('renewed', '0');
  is('renewed by', 'the same process');
  is('stopped', 'success 0');
  is('complaints', '0');
  is('warnings by priority', '1');
  is('calls by priority', /^\d{2,}$/);
  is('calls among warnings', '0');
  is('prefixes left', '0');
  assert.equal(told.get('waited in vain'), undefined);
}

// grpc-java's own interop programs, at an exact version: their jars come from Maven's central repository into the cache folder.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installDebianPackages } from '../../interpreters.ts';
import { cacheFolder } from '../cache-folder.ts';

const version = '1.79.0';
const dependencyPlugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';
const installTimeoutMs = 10 * 60_000;

export interface JavaTools {
  readonly version: string;
  /** What `java` is called with, up to the name of the class. */
  readonly options: readonly string[];
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>framegate.test</groupId>
  <artifactId>grpc-java-interop</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>io.grpc</groupId>
      <artifactId>grpc-interop-testing</artifactId>
      <version>${version}</version>
    </dependency>
  </dependencies>
</project>
`;

export function prepareJavaTools(warn: (text: string) => void): JavaTools | { readonly missing: string } {
  if (!isThere('java', '-version')) installDebianPackages(['default-jre-headless'], warn);
  if (!isThere('java', '-version')) {
    return { missing: 'there is no java (apt-get install default-jre-headless)' };
  }
  const jars = join(cacheFolder, `grpc-java@${version}`);
  if (!existsSync(jars)) {
    const problem = fetchJars(jars, warn);
    if (problem !== undefined) return { missing: problem };
  }
  return { version, options: ['-cp', join(jars, '*')] };
}

function fetchJars(jars: string, warn: (text: string) => void): string | undefined {
  if (!isThere('mvn', '-version')) installDebianPackages(['maven'], warn);
  if (!isThere('mvn', '-version')) return 'there is no mvn (apt-get install maven)';
  console.log(`  fetching grpc-java ${version} ...`);
  const project = `${jars}-unfinished`;
  mkdirSync(project, { recursive: true });
  writeFileSync(join(project, 'pom.xml'), pom);
  const goal = `${dependencyPlugin}:copy-dependencies`;
  const output = join(project, 'jars');
  const fetched = spawnSync(
    'mvn',
    ['-q', '-B', goal, `-DoutputDirectory=${output}`, '-DincludeScope=runtime'],
    {
      cwd: project,
      encoding: 'utf8',
      timeout: installTimeoutMs,
    },
  );
  if (fetched.status !== 0) {
    return `mvn could not fetch grpc-interop-testing ${version}: ${fetched.error?.message ?? firstError(fetched.stdout)}`;
  }
  // Under its own name only when all of it is there.
  renameSync(output, jars);
  rmSync(project, { recursive: true, force: true });
  return undefined;
}

function firstError(output: string): string {
  return output.split('\n').find((line) => line.includes('ERROR')) ?? 'it said nothing';
}

function isThere(program: string, argument: string): boolean {
  return spawnSync(program, [argument], { encoding: 'utf8' }).status === 0;
}

/** A trust store of Java's with the authority's certificate, made by the keytool that comes with java. */
export function makeTrustStore(folder: string, caFile: string): string {
  const file = join(folder, 'trust.p12');
  if (existsSync(file)) return file;
  const args = ['-importcert', '-noprompt', '-alias', 'authority', '-file', caFile];
  const made = spawnSync(
    'keytool',
    [...args, '-keystore', file, '-storetype', 'PKCS12', '-storepass', trustStorePassword],
    {
      encoding: 'utf8',
    },
  );
  if (made.status !== 0) throw new Error(`keytool: ${made.error?.message ?? made.stdout + made.stderr}`);
  return file;
}

/** keytool asks for one; there is no secret in the file. */
export const trustStorePassword = 'not-a-secret';

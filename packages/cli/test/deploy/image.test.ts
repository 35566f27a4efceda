import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { endsWithParent, freePort, run, runOk, waitFor } from '@streampool/testkit';
import { DockerfileParser, type Instruction, type JSONInstruction } from 'dockerfile-ast';
import { validate } from 'dockerfile-utils';
import { imageEnv } from './nodes.ts';
import { ROOT, shipped } from './shipped.ts';

const text = shipped('deploy/docker/Dockerfile');
const instructions = DockerfileParser.parse(text).getInstructions();
const named = (keyword: string): Instruction[] =>
  instructions.filter((instruction) => instruction.getKeyword() === keyword);
const words = (instruction: Instruction): string[] =>
  instruction.getArguments().map((argument) => argument.getValue());
/** What an instruction in its JSON form says. */
const json = (instruction: Instruction): string[] =>
  (instruction as JSONInstruction).getJSONStrings().map((part) => JSON.parse(part.getValue()));
const last = (keyword: string): Instruction => named(keyword).at(-1)!;

test('the linter of Dockerfiles has nothing to say', () => {
  expect(validate(text, {}).map(({ message, range }) => `${range.start.line + 1}: ${message}`)).toEqual([]);
  // Every base has a version, or is a stage of its own.
  const stages = named('FROM').map((from) => words(from));
  const names = stages.map(([, , name]) => name);
  for (const [base] of stages) expect(names.includes(base!) || /:.*\w/.test(base!)).toBe(true);
});

test('it is no root that runs, behind an init, and it is asked for its health', () => {
  expect(instructions.indexOf(last('USER'))).toBeGreaterThan(instructions.indexOf(last('FROM')));
  expect(Number(words(last('USER'))[0])).toBeGreaterThan(0);
  expect(json(last('ENTRYPOINT'))[0]).toMatch(/tini$/);
  expect(words(last('STOPSIGNAL'))).toEqual(['SIGTERM']);
  expect(named('HEALTHCHECK')).toHaveLength(1);
  expect(text).not.toMatch(/\bADD\b|curl|:latest/);
});

/**
 * Without a Docker engine: the same files, the same RUN lines of the stage that installs, the same command, user and environment,
 * in a directory of its own. Not covered: the base images, and the Debian packages of the last stage.
 */
test('what the image is made of installs without tools for development, serves, and stops', async () => {
  // Not below the project, where Node would find what is installed for development.
  const directory = mkdtempSync(join(tmpdir(), 'streampool-image-'));
  const app = join(directory, 'app');
  const data = join(directory, 'data');
  mkdirSync(app);
  mkdirSync(data);
  chmodSync(directory, 0o755);
  const isRoot = process.getuid?.() === 0;
  let server: ChildProcess | undefined;
  try {
    const build = instructions.slice(
      instructions.indexOf(named('FROM')[1]!),
      instructions.indexOf(last('FROM')),
    );
    for (const instruction of build) {
      if (instruction.getKeyword() === 'COPY') copy(words(instruction), app);
      if (instruction.getKeyword() === 'RUN') {
        const command = instruction.getArgumentsContent()!.replace(/^(?:--\S+\s+)+/, '');
        if (command.includes('setpriv') && !isRoot) continue;
        await runOk('sh', ['-c', command], {
          cwd: app,
          env: { ...bare(), npm_config_prefer_offline: 'true' },
          // A registry may take its time.
          timeoutMs: 300_000,
        });
      }
    }
    copy(['deploy/docker/healthcheck.mjs', 'healthcheck.mjs'], app);
    expect(existsSync(join(app, 'node_modules/express'))).toBe(true);
    for (const tool of ['jest', 'typescript', '@swc/core', 'node', '@streampool/testkit']) {
      expect([tool, existsSync(join(app, 'node_modules', tool))]).toEqual([tool, false]);
    }

    const port = `${await freePort()}`;
    const uid = Number(words(last('USER'))[0]);
    const asUser = isRoot ? { uid, gid: uid } : {};
    if (isRoot) chownSync(data, uid, uid);
    const here = (parts: string[]): [string, ...string[]] =>
      parts.map((part) => (part === 'node' ? process.execPath : part.replace(/^\/app\//, `${app}/`))) as [
        string,
        ...string[],
      ];
    const env = {
      ...bare(),
      ...imageEnv(),
      STREAMPOOL_DATA_DIR: data,
      PORT: port,
      HARDWARE_ENCODERS: 'none',
      NODE_DEBUG_NATIVE: 'COMPILE_CACHE',
    };
    const options = { cwd: data, env, ...asUser };
    const command = here([...json(last('ENTRYPOINT')), ...json(last('CMD'))]);
    if (!existsSync(command[0])) throw new Error('tini is not installed: apt-get install tini');
    const [program, ...args] = endsWithParent(command);
    const output = join(directory, 'output');
    const file = openSync(output, 'w');
    server = spawn(program, args, { ...options, stdio: ['ignore', file, file] });
    closeSync(file);
    const exited = once(server, 'exit');
    const url = `http://127.0.0.1:${port}`;
    await waitFor(async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.status === 200, {
      timeoutMs: 20_000,
      what: 'the server being ready',
    });
    expect(await (await fetch(`${url}/info`)).json()).toMatchObject({ transcoding: { enabled: true } });

    const said = readFileSync(output, 'utf8');
    const compiles = (line: string): boolean => line.includes('no transpile cache for');
    if (isRoot)
      expect([said.includes('state-thread.ts...success'), said.split('\n').filter(compiles)]).toEqual([
        true,
        [],
      ]);

    const [checker, ...checkArgs] = here(healthCommand());
    expect((await run(checker, checkArgs, options)).code).toBe(0);
    server.kill(words(last('STOPSIGNAL'))[0] as NodeJS.Signals);
    expect(await exited).toEqual([0, null]);
    expect((await run(checker, checkArgs, options)).code).toBe(1);
  } finally {
    server?.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
}, 400_000);

function healthCommand(): string[] {
  return JSON.parse(/HEALTHCHECK .*CMD (\[.*\])$/m.exec(text)![1]!);
}

/** COPY of the build context into a directory, without what the ignore file leaves out. */
function copy(what: readonly string[], app: string): void {
  const to = what.at(-1)!;
  for (const source of what.slice(0, -1)) {
    const target = to === './' ? join(app, source) : join(app, to);
    cpSync(join(ROOT, source), target, {
      recursive: true,
      filter: (path) => !/(?:^|\/)node_modules$|^packages\/[^/]+\/test$/.test(relative(ROOT, path)),
    });
  }
}

/** An environment in which nothing of this project's own Node or npm run is left. */
function bare(): NodeJS.ProcessEnv {
  const { PATH = '', HOME } = process.env;
  const own = PATH.split(delimiter).filter((path) => !path.startsWith(ROOT));
  return { HOME, PATH: [dirname(process.execPath), ...own].join(delimiter) };
}

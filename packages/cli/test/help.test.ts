import { SETTING_NAMES, settingOf } from '../src/config/settings.ts';
import { program } from '../src/program.ts';

async function run(...args: string[]): Promise<string> {
  let printed = '';
  const write = (text: string): void => {
    printed += text;
  };
  const root = program({ print: (text) => write(`${text}\n`), exit: () => {} });
  for (const command of [root, ...root.commands]) {
    command.exitOverride().configureOutput({ writeOut: write, writeErr: write, getOutHelpWidth: () => 200 });
  }
  await root.parseAsync(args, { from: 'user' }).catch((error: { code?: string }) => {
    if (!error.code?.startsWith('commander.')) throw error;
  });
  return printed;
}

test('--help documents every command, every option and every setting', async () => {
  const help = await run('--help');
  const root = program({ print: () => {}, exit: () => {} });
  expect(root.commands.map((command) => command.name())).toEqual([
    'serve',
    'gateway',
    'worker',
    'config',
    'status',
    'streams',
    'clients',
    'sessions',
    'workers',
    'providers',
    'webhooks',
    'timeline',
    'events',
    'drain',
    'drill',
    'log-level',
  ]);
  for (const command of root.commands) {
    expect(help).toContain(command.description());
    expect(help).toContain(`Options of ${command.name()}:`);
    for (const option of command.options) {
      expect(help).toContain(option.flags);
      expect(option.description).not.toBe('');
    }
  }
  for (const name of SETTING_NAMES) {
    expect(help).toContain(settingOf(name).env);
    expect(help).toContain(settingOf(name).about);
  }
});

test('serve has options for where it listens and keeps its state', async () => {
  const help = await run('serve', '--help');
  for (const option of ['--host <address>', '--port <number>', '--data-dir <path>', '--ready-file <path>']) {
    expect(help).toContain(option);
  }
  expect(help).toContain('SHARED_STREAM_TIMEOUT');
});

test('an unknown command or option says what there is', async () => {
  expect(await run('sreve')).toContain('Did you mean serve');
  expect(await run('config', '--nope')).toContain("unknown option '--nope'");
});

test('config prints the settings, as a table, JSON or Markdown', async () => {
  expect(await run('config')).toMatch(/^SETTING +VALUE +FROM\nHOST /);
  const { settings } = JSON.parse(await run('config', '--json'));
  expect(settings).toHaveLength(SETTING_NAMES.length);
  expect(await run('config', '--markdown')).toContain('| Variable | Default |');
});

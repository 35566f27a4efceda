import type { DrillFault } from '@streampool/streaming';
import { Command, Help, Option } from 'commander';
import { configCommand } from './commands/config.ts';
import { type DrainOptions, drainCommand } from './commands/drain.ts';
import { type DrillOptions, drillCommand } from './commands/drill.ts';
import { type EventsOptions, eventsCommand } from './commands/events.ts';
import { type LogLevelCommandOptions, logLevelCommand } from './commands/log-level.ts';
import { type Ask, clients, providers, status, streams, workers } from './commands/reports.ts';
import type { ServeOptions } from './commands/serve.ts';
import { sessions } from './commands/sessions.ts';
import { type ShowOptions, showCommand } from './commands/show.ts';
import { processSurroundings } from './commands/surroundings.ts';
import { timeline } from './commands/timeline.ts';
import { webhooks } from './commands/webhooks.ts';
import { documentedDefault } from './config/describe.ts';
import { SETTING_NAMES, type SettingName, settingOf } from './config/settings.ts';
import { LOG_LEVELS } from './output/log-level.ts';
import { version } from './version.ts';

// Commands that only ask a server load nothing of what one is made of: that alone would take them a second.
const DRILL_FAULTS: Readonly<Record<DrillFault, true>> = {
  cut: true,
  stall: true,
  error: true,
  black: true,
  silence: true,
};
const runServer = async (options: ServeOptions): Promise<number> =>
  (await import('./commands/serve.ts')).serveCommand(options);
const runNode = async (role: 'gateway' | 'worker', options: ServeOptions): Promise<number> =>
  (await import('./commands/node.ts')).nodeCommand(role, options);

/** Where commands print, and how they end. */
export interface Terminal {
  print(text: string): void;
  exit(code: number): void;
}

/** The command line: which commands there are and what each takes. */
export function program({ print, exit }: Terminal): Command {
  const root = new Command('streampool')
    .description('Streaming proxy and shared FFmpeg for IPTV.')
    .version(version, '-V, --version', 'Print the version')
    .helpOption('-h, --help', 'Print this help')
    .helpCommand('help [command]', 'Print the help of a command')
    .showHelpAfterError('(streampool --help says what there is)')
    .configureHelp({ sortSubcommands: false });

  const running: [name: string, about: string, run: (options: ServeOptions) => Promise<number>][] = [
    ['serve', 'Run the server: API, streams and state in one process', runServer],
    [
      'gateway',
      'Run a gateway of a cluster: the API, and viewers whose streams workers play (needs Redis)',
      (options) => runNode('gateway', options),
    ],
    [
      'worker',
      'Run a worker of a cluster: it plays streams to gateways, other workers and players (needs Redis)',
      (options) => runNode('worker', options),
    ],
  ];
  for (const [name, about, run] of running) {
    const command = root
      .command(name)
      .description(about)
      .option('--ready-file <path>', 'Write {"pid", "url", "port"} there as JSON once requests are taken');
    for (const setting of SETTING_NAMES) {
      const { option, about: what, env } = settingOf(setting);
      if (!option || (setting === 'dataDir' && name !== 'serve')) continue;
      command.option(option, `${what} (${env}; default: ${documentedDefault(setting)})`);
    }
    command.addHelpText('after', () => `\n${settingsHelp()}`);
    command.action(async (options: Record<string, string>) => {
      const overrides = Object.fromEntries(
        Object.entries(options).filter(([option]) => SETTING_NAMES.includes(option as SettingName)),
      );
      const { readyFile } = options;
      exit(await run({ overrides, ...(readyFile !== undefined && { readyFile }) }));
    });
  }

  root
    .command('config')
    .description('Print the settings in force and where each comes from; secrets are hidden')
    .option('--json', 'Print JSON')
    .addOption(
      new Option('--markdown', 'Print the table of all settings instead, as Markdown').conflicts('json'),
    )
    .action((options) => print(configCommand(options)));

  const asking: [name: string, about: string, ask: Ask][] = [
    ['status', 'Print how a running server is doing', status],
    ['streams', 'List the streams of a running server', streams],
    ['clients', 'List the viewers of a running server', clients],
    ['sessions', 'List who, by name, watches what from where', sessions],
    ['workers', 'List the workers of a running server', workers],
    ['providers', 'List the providers with a limit, and who uses their connections', providers],
    ['webhooks', 'List who is told what happens', webhooks],
  ];
  const show = (ask: Ask, options: ShowOptions): Promise<void> =>
    showCommand(ask, options, processSurroundings({ lasting: options.watch !== undefined }));
  for (const [name, about, ask] of asking) {
    watches(asksServer(root.command(name).description(about))).action((options: ShowOptions) =>
      show(ask, options),
    );
  }

  watches(
    asksServer(
      root
        .command('timeline')
        .description('Print what happened to a stream or a viewer within the last hour, and why')
        .argument('<id>', 'Of the stream or the viewer'),
    ),
  ).action((id: string, options: ShowOptions) => show(timeline(id), options));

  asksServer(root.command('events').description('Print what happens in the whole cluster, as it happens'))
    .option('--types <types>', 'Only these, separated by commas')
    .option('--stream <stream>', 'Only what happens to this one, as streampool streams lists it')
    .option('--after <event>', 'Begin with what came after the event of this id')
    .option('--json', 'Print one event as JSON in each line')
    .action((options: EventsOptions) => eventsCommand(options, processSurroundings({ lasting: true })));

  asksServer(
    root
      .command('drain')
      .description('Let a worker hand over its streams and end')
      .argument('<worker>', 'Its id, as streampool workers lists it'),
  )
    .addOption(new Option('--cancel', 'Take it back, as long as the worker is not empty').conflicts('wait'))
    .option('--wait [seconds]', 'Stay until it has ended or has nothing left (10 minutes at most)')
    .option('--json', 'Print JSON')
    .action((worker: string, options: DrainOptions) =>
      drainCommand(worker, options, processSurroundings({ lasting: options.wait !== undefined })),
    );

  asksServer(
    root
      .command('drill')
      .description('Make the source of a stream look broken, and print what its viewers lost')
      .argument('<stream>', 'Its id, as streampool streams lists it')
      .argument('<fault>', `What happens to it: ${Object.keys(DRILL_FAULTS).join(', ')}`),
  )
    .option('--seconds <seconds>', 'For how long (10; 60 at the most)')
    .option('--json', 'Print JSON')
    .action((stream: string, fault: string, options: DrillOptions) =>
      drillCommand(stream, fault, options, processSurroundings({ lasting: false })),
    );

  asksServer(
    root
      .command('log-level')
      .description('Print how much each node logs, or change it at once')
      .argument('[level]', `What is logged: everything of this level and above (${LOG_LEVELS.join(', ')})`),
  )
    .option('--node <node>', 'Only this one, as streampool workers lists it')
    .option('--seconds <seconds>', 'Afterwards it is as configured again (a day at the most)')
    .option('--json', 'Print JSON')
    .action((level: string | undefined, options: LogLevelCommandOptions) =>
      logLevelCommand(level, options, processSurroundings({ lasting: false })),
    );

  root.addHelpText('after', () => `\n${commandsHelp(root)}\n${settingsHelp()}`);
  return root;
}

/** Options of a command that shows what may change. */
function watches(command: Command): Command {
  return command
    .option('--watch [seconds]', 'Ask again and again (every 2 s), and show the newest answer')
    .option('--json', 'Print JSON; with --watch one line each time');
}

/** Options of every command that asks a running server. */
function asksServer(command: Command): Command {
  return command
    .option(
      '--url <url>',
      'The server (STREAMPOOL_URL; default: the one that HOST, PORT and ROOT_PATH describe)',
    )
    .option('--token <token>', 'Its API token (API_TOKEN)');
}

/** The options of every command, so that one page says everything. */
function commandsHelp(root: Command): string {
  const help = new Help();
  const sections = root.commands.map((command) => {
    const options = help
      .visibleOptions(command)
      .filter((option) => option.long !== '--help')
      .map((option) => `  ${option.flags.padEnd(24)} ${option.description}`);
    return [`Options of ${command.name()}:`, ...options, ''].join('\n');
  });
  return sections.join('\n');
}

/** Every setting with its default. */
function settingsHelp(): string {
  const width = Math.max(...SETTING_NAMES.map((name) => settingOf(name).env.length));
  const lines = SETTING_NAMES.map((name) => {
    const { env, about } = settingOf(name);
    const byDefault = documentedDefault(name);
    return `  ${env.padEnd(width)}  ${about}${byDefault === '' ? '' : ` (default: ${byDefault})`}`;
  });
  return [
    'Settings (environment variables, or lines of a file .env in the working directory):',
    ...lines,
  ].join('\n');
}

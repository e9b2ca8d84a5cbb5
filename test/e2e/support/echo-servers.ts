import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import express from 'express'
import { runCommand } from './command.js'
import { logsFolder, makeTemporaryFolder, openCacheFolder, projectFolder } from './folders.js'
import { requireJavaHome } from './java.js'
import { findFreePort } from './ports.js'
import { startProcessGroup } from './process-group.js'
import { waitUntilAnswers } from './wait.js'

/** A real server that tells in `X-Reading` how it reads a path: `admin`, `open` or `other`. */
export interface EchoServer {
  name: 'apache' | 'express' | 'nginx' | 'node' | 'tomcat'
  origin: string
  stop(): Promise<void>
}

/** Starts the five servers whose readings of a path differ most, each as liberal as its settings allow. */
export const startEchoServers = (): Promise<EchoServer[]> =>
  Promise.all([startExpress(), startNode(), startNginx(), startApache(), startTomcat()])

function startExpress(): Promise<EchoServer> {
  const app = express()
  for (const reading of ['admin', 'open']) {
    app.use(`/${reading}`, (_request, response) => {
      response.set('X-Reading', reading).send(reading)
    })
  }
  app.use((_request, response) => {
    response.set('X-Reading', 'other').send('other')
  })
  return listen('express', createServer(app))
}

/** Reads a path as many small programs do: by `new URL`, which takes what follows `//` for a host. */
function startNode(): Promise<EchoServer> {
  const server = createServer(({ url = '' }, response) => {
    const path = URL.canParse(url, 'http://a') ? decode(new URL(url, 'http://a').pathname) : ''
    const reading = ['admin', 'open'].find((name) => `${path}/`.startsWith(`/${name}/`)) ?? 'other'
    response.setHeader('X-Reading', reading).end(reading)
  })
  return listen('node', server)
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

async function listen(name: EchoServer['name'], server: Server): Promise<EchoServer> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { name, origin: `http://127.0.0.1:${port}`, stop }
}

const startNginx = () =>
  startProgram('nginx', ({ port, folder }) => ({
    command: 'nginx',
    args: (file) => ['-c', file, '-p', folder, '-e', join(folder, 'error.log')],
    configuration: `daemon off;
pid ${folder}/nginx.pid;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
events {}
http {
  access_log off;
  client_body_temp_path ${folder};
  proxy_temp_path ${folder};
  fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder};
  scgi_temp_path ${folder};
  server {
    listen 127.0.0.1:${port};
    location ~ ^/admin(/|$) { add_header X-Reading admin always; return 200 admin; }
    location ~ ^/open(/|$) { add_header X-Reading open always; return 200 open; }
    location / { add_header X-Reading other always; return 200 other; }
  }
}
`,
  }))

const apacheModules = ['mpm_event', 'authz_core', 'headers']

const startApache = () =>
  startProgram('apache', ({ port, folder }) => ({
    command: existsSync('/usr/sbin/apache2') ? '/usr/sbin/apache2' : 'apache2',
    args: (file) => ['-D', 'FOREGROUND', '-f', file],
    configuration: `ServerRoot ${folder}
ServerName 127.0.0.1
PidFile ${folder}/apache.pid
DefaultRuntimeDir ${folder}
ErrorLog ${folder}/error.log
Listen 127.0.0.1:${port}
${apacheModules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
User www-data
Group www-data
DocumentRoot ${folder}
AllowEncodedSlashes On
Header always set X-Reading other
<LocationMatch "^/admin(/|$)">
  Header always set X-Reading admin
</LocationMatch>
<LocationMatch "^/open(/|$)">
  Header always set X-Reading open
</LocationMatch>
`,
  }))

const tomcatVersion = '10.1.48'
const tomcatArtifacts = [
  `org.apache.tomcat.embed:tomcat-embed-core:${tomcatVersion}`,
  `org.apache.tomcat:tomcat-annotations-api:${tomcatVersion}`,
]
const mavenCopy = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy'

async function startTomcat(): Promise<EchoServer> {
  const [home, jars] = await Promise.all([requireJavaHome(), prepareTomcat()])
  return startProgram('tomcat', ({ port, folder }) => ({
    command: join(home, 'bin/java'),
    args: () => [
      ...['-XX:TieredStopAtLevel=1', '-cp', `${jars}/*`],
      ...[join(projectFolder, 'test/e2e/support/EchoTomcat.java'), String(port), folder],
    ],
    configuration: '',
  }))
}

/** Downloads Tomcat once on a machine. @returns the folder of its jars */
export async function prepareTomcat(): Promise<string> {
  const folder = join(openCacheFolder(), `tomcat-${tomcatVersion}`)
  if (existsSync(folder)) return folder
  const draft = `${folder}-${process.pid}`
  await mkdir(draft, { recursive: true })
  for (const artifact of tomcatArtifacts) {
    const args = ['-q', '-B', '-C', mavenCopy, `-Dartifact=${artifact}`, `-DoutputDirectory=${draft}`]
    await runCommand('mvn', args)
  }
  await rename(draft, folder).catch(() => rm(draft, { recursive: true }))
  return folder
}

interface Program {
  command: string
  args: (file: string) => string[]
  configuration: string
}

async function startProgram(
  name: EchoServer['name'],
  describe: (place: { port: number; folder: string }) => Program,
): Promise<EchoServer> {
  const [port, folder] = [await findFreePort(), await makeTemporaryFolder(name)]
  const { command, args, configuration } = describe({ port, folder })
  const file = join(folder, `${name}.conf`)
  await writeFile(file, configuration)
  await writeFile(join(folder, 'ready'), name)
  // Apache, started by root, reads as another user.
  await chmod(folder, 0o755)
  const server = await startProcessGroup(command, args(file), {
    env: { PATH: `${process.env.PATH}:/usr/sbin` },
    logFile: join(logsFolder, `${name}-${port}.log`),
    temporaryFolder: folder,
  })
  const origin = `http://127.0.0.1:${port}`
  await waitUntilAnswers(`${origin}/ready`, { timeoutMs: 30_000 }).catch(async (error: unknown) => {
    await server.stop()
    throw new Error(`${name} did not start: ${await server.log()}`, { cause: error })
  })
  return {
    name,
    origin,
    stop: async () => {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { logsFolder, makeTemporaryFolder } from '../../test/e2e/support/folders.js'
import { findFreePort } from '../../test/e2e/support/ports.js'
import { startProcessGroup } from '../../test/e2e/support/process-group.js'
import { waitUntilAnswers } from '../../test/e2e/support/wait.js'
import { readProcessCpu } from '../database-cpu.js'
import { asRequest } from '../requests.js'
import type { MeasuredServer } from '../rounds.js'

/** nginx as a plain proxy: one worker, as the others are one process, and connections to the upstream that stay open. */
export async function openNginx(upstream: string): Promise<MeasuredServer> {
  const [port, folder] = [await findFreePort(), await makeTemporaryFolder('nginx')]
  await mkdir(join(folder, 'logs'))
  await writeFile(join(folder, 'nginx.conf'), settingsOf(port, new URL(upstream).host))
  const nginx = await startProcessGroup('nginx', ['-p', folder, '-c', 'nginx.conf'], {
    // Debian keeps it where only root's PATH looks.
    env: { PATH: `${process.env.PATH}:/usr/sbin` },
    logFile: join(logsFolder, `bench-nginx-${port}.log`),
    temporaryFolder: folder,
  })
  await waitUntilAnswers(`http://127.0.0.1:${port}/collections/sentinel-2`, { timeoutMs: 10_000 })
  return {
    ready: { port, request: asRequest(port, {}), status: 200 },
    readCpuMicros: async () => [...readProcessCpu(nginx.pid).values()].reduce((sum, one) => sum + one, 0),
    rest: async () => {},
    stop: async () => {
      await nginx.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const settingsOf = (port: number, upstream: string) => `
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  upstream service {
    server ${upstream};
    keepalive 64;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://service;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`

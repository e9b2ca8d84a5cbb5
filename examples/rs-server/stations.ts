import { buildStation } from './station.js'

// Two services of a ground segment, each on its port: Auxip hands out auxiliary data, Cadip raw data of passes.
const { AUXIP_PORT = '4001', CADIP_PORT = '4002' } = process.env

const megabyte = 1_000_000
const auxip = await buildStation({
  title: 'Auxip',
  description: 'Auxiliary data that processors need: orbits, calibration, forecasts.',
  records: [
    ['S1A_OPER_AUX_POEORB_OPOD_20260121T080743_V20260101T225942_20260103T005942.EOF', megabyte],
    ['S1A_OPER_AUX_RESORB_OPOD_20260109T071132_V20260109T030847_20260109T062617.EOF', megabyte],
    ['S2A_OPER_AUX_ECMWFD_ADG__20260110T120000_V20260110T210000_20260112T030000.TGZ', 2 * megabyte],
    ['S3A_OL_1_EFR_AX_20260101T000000_20991231T235959_20260101T120000___MPC_O_AL_001.SEN3', megabyte],
  ],
})
const cadip = await buildStation({
  title: 'Cadip',
  description: 'Channel access data units of satellite passes, as ground stations received them.',
  records: [
    ['DCS_01_S1A_20260109054100062699_ch1_DSDB_00001.raw', 5 * megabyte],
    ['DCS_01_S1A_20260109054100062699_ch1_DSDB_00002.raw', 5 * megabyte],
    ['DCS_02_S1A_20260109054100062699_ch2_DSDB_00001.raw', 5 * megabyte],
  ],
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void Promise.all([auxip.close(), cadip.close()]))
}
await auxip.listen({ port: Number(AUXIP_PORT) })
await cadip.listen({ port: Number(CADIP_PORT) })

"""Opens layers in QGIS with a key that QGIS keeps sealed. Run it with the Python of QGIS.

LATCHKEY_URL, LATCHKEY_API_KEY and QGIS_MASTER_PASSWORD are in the environment, and LATCHKEY_RASTER is the URL of a
raster behind the gateway, if there is one.
"""

import os
import sys

from qgis.core import QgsApplication, QgsAuthMethodConfig, QgsRasterLayer, QgsVectorLayer

application = QgsApplication([], False)
application.initQgis()
manager = QgsApplication.authManager()
manager.setMasterPassword(os.environ["QGIS_MASTER_PASSWORD"], True)

# What the window "Add authentication configuration" makes. A project names it by its id, and never holds the key.
_, key_id, secret = os.environ["LATCHKEY_API_KEY"].split("_", 2)
config = QgsAuthMethodConfig("Basic")
config.setName("Latchkey")
config.setConfig("username", key_id)
config.setConfig("password", secret)
manager.storeAuthenticationConfig(config)

catalog = f"{os.environ['LATCHKEY_URL']}/catalog"
layers = [
    QgsVectorLayer(f"url='{catalog}' typename='sentinel-2-l2a' authcfg={config.id()}", "Sentinel-2", "OAPIF")
]
if raster := os.environ.get("LATCHKEY_RASTER"):
    layers.append(QgsRasterLayer(f"/vsicurl/{raster} authcfg='{config.id()}'", "Raster", "gdal"))

are_valid = [layer.isValid() for layer in layers]
print(*(f"{layer.name()}: {'opened' if is_valid else 'refused'}" for layer, is_valid in zip(layers, are_valid)), sep="\n")
del layers
application.exitQgis()
sys.exit(0 if all(are_valid) else 1)

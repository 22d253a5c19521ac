"""One file per device: what it makes of an exported file (`nas.export.legality`)."""

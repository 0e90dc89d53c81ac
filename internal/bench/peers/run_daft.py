"""Daft, by its own expressions: run_daft.py INPUT OUT, INPUT being Parquet files with a column path."""
import sys

import daft
from daft import col
from daft.functions import decode_image, download, encode_image, resize, upload

source = daft.read_parquet(sys.argv[1])
images = decode_image(download(col("path")), mode="RGB")
done = source.select(upload(encode_image(resize(images, 256, 256), "JPEG"), sys.argv[2]).alias("file"))
print(len(done.to_pydict()["file"]))

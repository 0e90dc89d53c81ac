"""Pillow in a loop: run_pillow.py URLS OUT. One image after the other, as most scripts do it."""
import io
import os
import sys
import urllib.request

from PIL import Image

with open(sys.argv[1]) as f:
    urls = f.read().split()
for i, url in enumerate(urls):
    with urllib.request.urlopen(url) as r:
        body = r.read()
    image = Image.open(io.BytesIO(body)).convert("RGB").resize((256, 256), Image.LANCZOS)
    image.save(os.path.join(sys.argv[2], f"{i:06d}.jpg"), quality=80)

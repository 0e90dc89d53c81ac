"""img2dataset: run_img2dataset.py INPUT OUT, INPUT being Parquet files with a column path.

A process a CPU, and shards small enough that each has work; files, since
everybody here writes files; quality 80, since everybody here does. It cannot
stretch: its default, the border, takes as many pixels.
"""
import os
import sys

from img2dataset import download

if __name__ == "__main__":
    download(
        url_list=sys.argv[1],
        input_format="parquet",
        url_col="path",
        output_folder=os.path.join(sys.argv[2], "out"),
        output_format="files",
        processes_count=os.cpu_count(),
        thread_count=32,
        number_sample_per_shard=500,
        image_size=256,
        encode_quality=80,
        enable_wandb=False,
        compute_hash=None,
    )

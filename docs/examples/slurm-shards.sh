#!/bin/bash
# Eight tasks draw one manifest, each an eighth of it with an eighth of every limit:
#   sbatch slurm-shards.sh catalogue.yaml
# The same command again goes on where it was stopped: nothing is paid twice.
#SBATCH --job-name=catalogue
#SBATCH --array=1-8
#SBATCH --cpus-per-task=1
#SBATCH --mem=512M
#SBATCH --time=12:00:00
#SBATCH --signal=TERM@660
#SBATCH --output=catalogue-%a.log
set -eu

manifest=${1:?give the manifest}
# A ledger belongs on a disk of this machine: point LOCAL at one that outlives the job.
folder=${LOCAL:-$PWD}/output/$(basename "$manifest" .yaml)-$SLURM_ARRAY_TASK_ID-of-$SLURM_ARRAY_TASK_COUNT

# The key comes from the environment of the submission (OPENAI_API_KEY), never from the command line.
exec srun --ntasks=1 batchgen run "$manifest" \
  --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --output "$folder" --max-cost 800 --quiet

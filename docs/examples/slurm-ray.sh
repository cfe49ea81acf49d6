#!/bin/bash
# A Ray cluster over the nodes of one allocation, and one driver that draws on all of them:
#   sbatch slurm-ray.sh catalogue.yaml
# The same command again goes on where it was stopped: nothing is paid twice.
#SBATCH --job-name=catalogue
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=4
#SBATCH --mem-per-cpu=1G
#SBATCH --time=12:00:00
#SBATCH --output=catalogue-%j.log
set -eu

manifest=${1:?give the manifest}
shared=${SHARED:-$PWD}

# Every process has the same token; the keys come from the environment of the submission, never from a command line.
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0 RAY_AUTH_TOKEN_PATH="$HOME/.ray/auth_token"
[ -s "$RAY_AUTH_TOKEN_PATH" ] || { mkdir -p "$HOME/.ray"; (umask 077; openssl rand -hex 32 >"$RAY_AUTH_TOKEN_PATH"); }

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
others=$((SLURM_JOB_NUM_NODES - 1))
port=$((20000 + SLURM_JOB_ID % 20000))

srun --overlap --nodes=1 --ntasks=1 --nodelist="$first" \
  ray start --head --port="$port" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
sleep 15
if [ "$others" -gt 0 ]; then
  srun --overlap --nodes="$others" --ntasks="$others" --exclude="$first" \
    ray start --address="$first:$port" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
  sleep 15
fi

# The ledger belongs on a disk that outlives the job: point LOCAL at it. The driver stays on the first node.
status=0
RAY_ADDRESS="$first:$port" batchgen run "$manifest" --engine ray --store "file://$shared/catalogue" \
  --output "${LOCAL:-$PWD}/output/catalogue" --max-cost 800 --concurrency 1024 --quiet || status=$?
kill %1 2>/dev/null || true
exit "$status"

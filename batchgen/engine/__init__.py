"""One job, from request to outcome: permit, reserve, execute, settle; retry and top-up live here and nowhere else."""

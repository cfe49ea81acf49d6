"""Attempts made by the nodes of a cluster; the driver grants, reserves and settles, and image bytes never pass it."""

from batchgen.executor.cluster.driver import ClusterExecutor
from batchgen.executor.cluster.order import Equipment, Order
from batchgen.executor.cluster.ray_cluster import HERE, MISSING_RAY, RayCluster, is_installed
from batchgen.executor.cluster.receipts import BucketReceipts, FolderReceipts, Receipts

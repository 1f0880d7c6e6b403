"""`parley`, with leases as short as the environment says: no operator needs to set them, and no test can wait long."""

import os
from datetime import timedelta
from functools import partial

from parley_server import app
from parley_server.cli import main
from parley_server.stores.options import StoreOptions

if __name__ == "__main__":
    lease = timedelta(seconds=float(os.environ["PARLEY_FAULTS_LEASE"]))
    vars(app)["StoreOptions"] = partial(StoreOptions, lease=lease)
    main()

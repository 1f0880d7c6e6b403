"""The suite that every store must pass.

To run it on a store of your own, subclass it with a fixture `backing`:

    class TestMyStore(StoreContract):
        @pytest.fixture
        def backing(self, tmp_path):
            return MyBacking(tmp_path)  # a parley_server.testing.backing.Backing

Each test names the clause of `parley_server.stores.protocol` that it is for.
"""

from parley_server.testing.contract.commits import CommitContract
from parley_server.testing.contract.failures import FailureContract
from parley_server.testing.contract.leases import LeaseContract
from parley_server.testing.contract.lifetime import LifetimeContract
from parley_server.testing.contract.processes import ProcessContract
from parley_server.testing.contract.records import RecordContract
from parley_server.testing.contract.scanning import ScanContract

__all__ = ["StoreContract"]


class StoreContract(
    RecordContract, CommitContract, LeaseContract, LifetimeContract, ScanContract, FailureContract, ProcessContract
):
    """All clauses."""

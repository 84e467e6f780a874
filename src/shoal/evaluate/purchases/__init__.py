"""Purchase models: how many orders a customer will place, whether they still buy, and what they will spend.

In: how often, how recently and since when each customer bought. Out: fitted models whose parameters are a few
numbers, frozen until the next refresh. Next: refresh, which fits them for a workspace.
"""

from shoal.evaluate.purchases.beta_geometric import BGNBD, MBGNBD
from shoal.evaluate.purchases.forecast import PurchaseModel
from shoal.evaluate.purchases.gamma_gamma import GammaGamma
from shoal.evaluate.purchases.order_model import OrderModel
from shoal.evaluate.purchases.pareto_nbd import ParetoNBD
from shoal.evaluate.purchases.summary import Purchases, TooFewPurchases

__all__ = [
    "BGNBD",
    "MBGNBD",
    "GammaGamma",
    "OrderModel",
    "ParetoNBD",
    "PurchaseModel",
    "Purchases",
    "TooFewPurchases",
]

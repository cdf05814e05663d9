"""The simulated venue of a run: simulated broker and back office, in the form that the assembly needs."""

from collections.abc import Mapping
from functools import partial

import msgspec

from brokers.simulated.back_office import BackOffice
from brokers.simulated.broker import SimulatedBroker
from brokers.simulated.config import SimulatedBrokerConfig
from brokers.simulated.cost_estimate import CostEstimate
from brokers.simulated.funds import FundsRules
from brokers.simulated.models import VenueModels, build_models, choices, convert_own, is_reference
from brokers.simulated.own_models import FORMS
from components.assembly.user_models import LoadedModel, ModelRole, load_model
from components.assembly.venue import CoreView
from kernel.events import VenueDeclared
from kernel.rules import RULES

ROLES: Mapping[str, ModelRole] = {
    role: ModelRole(name=role, key=f"broker.{role}", what="model", convert=partial(convert_own, role))
    for role in FORMS
}
"""The kinds of user models that the simulated venue can have, by key under ``broker:``."""


class SimulatedVenue(msgspec.Struct, frozen=True):
    """Implements ``components.assembly.venue.Venue``.

    - ``own``: the loaded user models.
    - ``funds``: what the account must pay for; ``None`` by the first rules: nothing is checked.
    - ``rules``: the version of the core's rules.
    """

    config: SimulatedBrokerConfig
    own: tuple[LoadedModel, ...] = ()
    funds: FundsRules | None = None
    rules: int = RULES

    @property
    def is_in_core(self) -> bool:
        """It fills orders itself."""
        return True

    @property
    def lacks(self) -> tuple[str, ...]:
        """The order types, times in force and features that it is configured not to support."""
        return self.config.lacks

    @property
    def reads_books(self) -> bool:
        """Whether a model fills orders on books."""
        return self.config.book is not None

    @property
    def models(self) -> VenueModels:
        """All of its models: ours by name, and the loaded user models."""
        own = {one.role: one.model for one in self.own}
        return build_models(self.config, own, rules=self.rules)

    @property
    def costs(self) -> CostEstimate | None:
        """The estimated costs of orders; ``None`` if they have none, or are not checked."""
        models = self.models
        if self.funds is None or (models.commission is None and models.slippage is None):
            return None
        return CostEstimate(models.commission, models.slippage, self.config.currency)

    def declared(self, ts: int) -> VenueDeclared:
        """The input that declares the orders it supports."""
        takes = self.config.capabilities()
        return VenueDeclared(
            ts, SimulatedBroker.name, takes.order_types, takes.times_in_force, takes.features
        )

    def register(self, core: CoreView) -> None:
        """Construct and register broker and back office."""
        broker = SimulatedBroker(
            core.bus,
            self.config,
            models=self.models,
            hours=core.hours,
            books=core.books,
            account=core.account,
            funds_rules=self.funds,
            margin=core.margin,
            legs=core.hedged,
            rules=core.rules,
        )
        core.bus.register_watching(broker)
        back_office = BackOffice(
            self.config.financing, account=core.account, market=core.market, rules=core.rules
        )
        core.bus.register(back_office)
        core.account.set_receivables(back_office)


def load_models(config: SimulatedBrokerConfig) -> tuple[LoadedModel, ...]:
    """Load the user models that a configuration names, as they are on disk now.

    Checks the names and parameters of all other models too. Raises ``ConfigError`` with the key.
    """
    config.capabilities()
    loaded = tuple(
        load_model(ROLES[role], choice.model, params=choice.params)
        for role, choice in choices(config).items()
        if is_reference(choice.model)
    )
    _ = SimulatedVenue(config, loaded).models
    return loaded

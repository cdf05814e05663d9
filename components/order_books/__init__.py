"""Order books: ``book`` is one instrument's book, ``order_books`` the component that builds them."""

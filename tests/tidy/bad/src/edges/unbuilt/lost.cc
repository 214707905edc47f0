// No recipe.

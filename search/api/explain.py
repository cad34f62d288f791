"""The endpoint that explains why a product matches."""

from base64 import b64encode
from typing import Any

from django.utils.translation import gettext
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog.api.schema import errors
from catalog.models import MAX_ID, Product
from catalog.pictures.slots import DECODING
from catalog.pictures.stored import StoredPicture
from catalog.serving import serving_embedder
from search.api.intake import SearchRequest, http_errors, query_of
from search.api.serializers import CROP, CropField
from search.api.throttles import SearchThrottle, client_of
from search.explain import Floats, explain
from search.queries.query import Crop, Query, kept_photo, preview_of, see
from search.service import Match, match_of

QUERY = OpenApiParameter(
    "query",
    {"type": "string", "maxLength": 64, "pattern": "^[A-Za-z0-9_-]+$"},
    OpenApiParameter.PATH,
    description="The query's id in the answer to a search.",
)
PRODUCT = OpenApiParameter(
    "product",
    {"type": "integer", "minimum": 1, "maximum": MAX_ID},
    OpenApiParameter.PATH,
    description="The id of a product that matches.",
)


class ExplainSerializer(serializers.Serializer[Any]):
    """The parameters beside query and product."""

    crop = CropField(required=False, help_text=CROP)


class PictureSerializer(serializers.Serializer[Any]):
    """One of the two pictures, and what each region of it adds to the score."""

    regions = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()),
        help_text="What each region of the frame adds to the score, row by row from the top; their "
        "sum is the score.",
    )
    frame = serializers.ListField(
        child=serializers.FloatField(),
        min_length=4,
        max_length=4,
        help_text="The part of the picture that the network saw, [x, y, width, height] as "
        "fractions of the upright picture.",
    )
    image_src = serializers.CharField(help_text="The picture: an address, or a data: URL.")


class ExplanationSerializer(serializers.Serializer[Any]):
    """Why a product matches."""

    score = serializers.FloatField(help_text="The cosine of the two pictures' vectors.")
    look = serializers.FloatField(help_text="The cosine of the two pictures in shades of grey.")
    colour = serializers.FloatField(
        help_text="The share of their colours that the two pictures have in common, from 0 to 1."
    )
    query = PictureSerializer(help_text="The picture that was searched with.")
    product = PictureSerializer(help_text="The product's picture that is most like it.")


class ExplainView(APIView):
    """Why a product matches: the regions that agree, and how much look and colour add."""

    authentication_classes = ()
    throttle_classes = (SearchThrottle,)

    @extend_schema(
        summary="Why a product matches",
        operation_id="search_explain",
        parameters=[QUERY, PRODUCT, ExplainSerializer],
        responses={200: ExplanationSerializer} | errors(400, 404, 429, 503),
    )
    def get(self, request: Request, query: str, product: int) -> Response:
        given = ExplainSerializer(data=request.query_params)
        given.is_valid(raise_exception=True)
        crop = given.validated_data.get("crop")
        asked = query_of(SearchRequest(query=query, crop=crop, client=client_of(request)))
        match = match_of(asked, product)
        if match is None:
            raise NotFound(gettext("This product is not among those that can be found."))
        return Response(ExplanationSerializer(_explained(request, asked, match)).data)


def _explained(request: Request, query: Query, match: Match) -> dict[str, object]:
    own = Product.objects.get(pk=query.product).image if query.product else None
    client = client_of(request)
    with http_errors():
        embedder = serving_embedder()
        photo = kept_photo(query.id).data if own is None else _stored(own)
        with DECODING.one(client):
            one = see(photo, embedder, query.crop)
            other = see(_stored(match.image), embedder)
            explanation = explain(one, other, embedder)
        source = (
            data_url(preview_of(query.id, client=client))
            if own is None
            else request.build_absolute_uri(own.url)
        )
    return {
        "score": round(match.score, 6),
        "look": round(explanation.look, 6),
        "colour": round(explanation.colour, 6),
        "query": _picture(explanation.first, one.frame, source),
        "product": _picture(
            explanation.second, other.frame, request.build_absolute_uri(match.image.url)
        ),
    }


def data_url(preview: bytes) -> str:
    """A JPEG as a data: URL, "" without one."""
    return f"data:image/jpeg;base64,{b64encode(preview).decode()}" if preview else ""


def _picture(regions: Floats, frame: Crop, source: str) -> dict[str, object]:
    rounded = regions.astype(float).round(6).tolist()
    return {"regions": rounded, "frame": [round(n, 6) for n in frame], "image_src": source}


def _stored(image: StoredPicture) -> bytes:
    try:
        with image.storage.open(str(image.name)) as file:
            data: bytes = file.read()
    except OSError as error:
        raise NotFound(gettext("The product's picture is gone.")) from error
    return data
